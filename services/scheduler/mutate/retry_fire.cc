#include "services/scheduler/mutate/retry_fire.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {
namespace {

// Why `retry` cannot be; OK if it can.
absl::Status CheckRetry(const RetryFire& retry) {
  const FireState state = retry.fire.state;
  if (state != FireState::kFailed && state != FireState::kLost && state != FireState::kCancelled) {
    return absl::FailedPreconditionError(
        absl::StrCat("only a fire that FAILED, was LOST or CANCELLED is repeated, and this one ",
                     state == FireState::kSucceeded || state == FireState::kSkipped
                         ? "ended otherwise; trigger its schedule instead"
                         : "has not ended; wait for its end, or cancel it first"));
  }
  if (retry.repeated_by.value.is_zero()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("it was repeated already, by fire ",
                                                    retry.repeated_by.ToString(),
                                                    "; if that failed too, repeat that one"));
}

}  // namespace

absl::StatusOr<Decision> DecideRetry(const StoredSchedule& current, const RetryFire& retry,
                                     const Moment& moment) {
  if (current.schedule.id != retry.fire.key.schedule) {
    return absl::NotFoundError(absl::StrCat("the schedule of the fire was deleted; '",
                                            ResourceName(retry.schedule), "' is another"));
  }
  RETURN_IF_ERROR(CheckRetry(retry));
  Fire fire = RetryOf(retry.fire, moment.now, moment.now);
  Decision decision;
  decision.effect = Decision::Effect::kFireOnly;
  decision.result.fire = fire;
  decision.audit.action = "fire.retry";
  decision.audit.resource =
      absl::StrCat("projects/", retry.schedule.project, "/fires/", retry.fire.id.ToString());
  decision.audit.schedule = fire.key.schedule;
  decision.audit.after = nlohmann::json({{"fire", fire.id.ToString()},
                                         {"due_at", ToMicros(fire.key.due_at)},
                                         {"retry_of", fire.retry_of.ToString()},
                                         {"run", fire.run}})
                             .dump();
  decision.fires.push_back(std::move(fire));
  return decision;
}

}  // namespace z4j::scheduler
