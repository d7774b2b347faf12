#ifndef Z4J_SCHEDULER_MUTATE_WORKING_H_
#define Z4J_SCHEDULER_MUTATE_WORKING_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/uuid.h"
#include "services/scheduler/audit/chain.h"
#include "services/scheduler/mutate/decide.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/mutate/request.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// What one transaction has come to so far: what it read, overlaid with what was decided since, so
// that several mutations of one schedule see each other.  A copy is a savepoint.  Pure; one thread.
class Working {
 public:
  // `read` and `offers` (see Moment) outlive this and its copies.  `now` holds whole microseconds.
  Working(const ReadSet& read, absl::Time now, const EngineOffers* offers)
      : read_(&read), now_(now), offers_(offers) {}

  // Decides `mutation` and, unless it is refused or only validated, takes up what it comes to.  A
  // request id seen before gets its answer again and does nothing; `hash` is the RequestHash of all
  // that was sent with `mutation`, if it has a request id.  Codes as Decide and Answers, and
  // FAILED_PRECONDITION for a deletion beside other changes of the same schedule: their rows could
  // not be told apart.
  absl::StatusOr<MutationResult> Run(const Mutation& mutation, const std::string& hash,
                                     const Uuid& fresh_id);

  // Whether there is anything to write.
  bool dirty() const;

  // All that was taken up, with its audit entries linked to the chain.  Codes as AppendToChain.
  absl::StatusOr<WriteSet> Finish(ChainMac& mac, const Keyring& keys) &&;

 private:
  const StoredSchedule* Find(const ScheduleKey& key) const;
  // The answers under `id`, of which there may be none yet.
  absl::StatusOr<Answers*> AnswersOf(const std::string& id);
  void Take(const ScheduleKey& key, Decision decision);

  const ReadSet* read_;
  absl::Time now_;
  const EngineOffers* offers_;
  // Schedules that were changed; none: deleted.
  std::map<ScheduleKey, std::optional<StoredSchedule>> changed_;
  std::map<std::string, Answers> requests_;  // By RequestKey.
  WriteSet writes_;  // Only deleted, fires, cancelled and audit; Finish fills the rest.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_WORKING_H_
