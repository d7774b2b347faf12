#ifndef Z4J_SCHEDULER_ELECT_SOLO_ELECTOR_H_
#define Z4J_SCHEDULER_ELECT_SOLO_ELECTOR_H_

#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/elect/leader_elector.h"

namespace z4j::scheduler {

// The only node there is: it leads as soon as the store answers, with the token after the one that
// stands in the fence, until it is stopped or resigns.  Should a second node run all the same, then
// the fence lets only the later one write.
class SoloElector final : public LeaderElector {
 public:
  // `store` outlives this.
  SoloElector(ScheduleStore& store, std::string node);
  ~SoloElector() override;

  absl::Status Start(absl::AnyInvocable<void()> on_change) override;
  std::optional<LeaderTerm> Current(MonoTime now) override ABSL_LOCKS_EXCLUDED(mu_);
  LeaderInfo Leader() override ABSL_LOCKS_EXCLUDED(mu_);
  void Resign(absl::Duration pause) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckSuccessor(const std::string& successor) override;
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Campaign() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `timeout`, or until Stop().
  void Pause(absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ScheduleStore& store_;
  const std::string node_;
  absl::AnyInvocable<void()> on_change_;  // Constant after Start.
  std::thread thread_;

  MonotoneMutex mu_;
  std::optional<FencingToken> token_ ABSL_GUARDED_BY(mu_);
  absl::Duration pause_ ABSL_GUARDED_BY(mu_);  // Before the next term.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_SOLO_ELECTOR_H_
