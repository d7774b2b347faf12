#ifndef Z4J_SCHEDULER_AUDITED_CHANGES_H_
#define Z4J_SCHEDULER_AUDITED_CHANGES_H_

#include <string>

#include "services/scheduler/loop/state_changes.h"
#include "services/scheduler/mutate/committer.h"

namespace z4j::scheduler {

// The loop's changes of state, as mutations by "scheduler:<node>".
class AuditedChanges final : public StateChanges {
 public:
  AuditedChanges(Committer& committer, std::string node);  // The committer outlives this.

  void Finish(const ScheduleKey& schedule) override;
  void Quarantine(const ScheduleKey& schedule, const std::string& reason) override;
  void Resume(const ScheduleKey& schedule) override;

 private:
  void Submit(MutationAction action);

  Committer& committer_;
  const Caller caller_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_AUDITED_CHANGES_H_
