#ifndef Z4J_SCHEDULER_MUTATE_DECIDE_H_
#define Z4J_SCHEDULER_MUTATE_DECIDE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/uuid.h"
#include "services/scheduler/core/engine_fit.h"
#include "services/scheduler/mutate/mutation.h"

// What a mutation comes to.  Pure: told the schedule as it is, the time and a fresh id.
namespace z4j::scheduler {

// What Decide is told besides the mutation.
struct Moment {
  absl::Time now;                        // Whole microseconds.
  int64_t revision = 0;                  // Of the audit entry that this mutation will get.
  Uuid fresh_id;                         // For what it creates.
  const EngineOffers* offers = nullptr;  // Of the adapters that are connected; null: not known.
};

struct Decision {
  enum class Effect : uint8_t {
    kNothing,  // Nothing is written and nothing audited.
    kInsert,
    kUpdate,
    kDelete,
    kFireOnly,   // The schedule stays as it is.
    kEntryOnly,  // It is about none.
  };
  Effect effect = Effect::kNothing;
  MutationResult result;
  std::vector<Fire> fires;         // To write: triggered ones, retries, and SKIPPED rows.
  std::vector<FireKey> cancelled;  // To cancel if PENDING.
  AuditEntry audit;                // All but the chain's fields.
};

// Decides `mutation` on the schedule that it names, `current` (null: there is none).  Codes:
//   INVALID_ARGUMENT     a field is wrong; for create and update its path is relative to the
//                        schedule, except "update_mask"; for others it is the action's own
//                        ("reason", "until_time", "args_json", "kwargs_json")
//   NOT_FOUND            no such schedule
//   ALREADY_EXISTS       create: the name is taken
//   ABORTED              the etag is stale
//   FAILED_PRECONDITION  not in this state; trigger: no adapter that is connected would take its
//                        engine options
absl::StatusOr<Decision> Decide(const StoredSchedule* current, const Mutation& mutation,
                                const Moment& moment);

// The pieces that the actions share.

// The decision that turns `current` (null: created) into `after` and writes `fires`.
Decision Changed(Decision::Effect effect, const StoredSchedule* current, StoredSchedule after,
                 std::vector<Fire> fires, std::string action, const Moment& moment);
// INVALID_ARGUMENT if no adapter that is connected would take what `schedule` asks of its engine.
absl::Status CheckFit(const Schedule& schedule, const Moment& moment);
// Notes if adapters of its engine are connected and none may take its fires: they will wait for
// one.
void NoteIfNobodyTakes(const Schedule& schedule, const Moment& moment,
                       std::vector<std::string>& notes);
absl::Status CheckEtag(const Schedule& current, const std::string& etag);

// The automatic fires of `stored` that no leader has decided yet up to `until`, as one SKIPPED row
// with `reason`; moves its watermark to `until`, never back.  No row if its spec cannot be
// computed.
std::vector<Fire> CloseGap(StoredSchedule& stored, absl::Time until, FireReason reason,
                           absl::Time now);
// CloseGap up to `now` or, if the watermark stands there or after it (a leader's clock is ahead),
// up to a microsecond after that: it moves in any case.  A plan that a leader made before knows
// nothing of the change and must be refused, or what is to be fired would be recorded only, or the
// other way round.
std::vector<Fire> LeaveBehind(StoredSchedule& stored, absl::Time now, FireReason reason);

// Whether it comes due again after its watermark.  False if it cannot be computed.
bool HasFuture(const StoredSchedule& stored);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_DECIDE_H_
