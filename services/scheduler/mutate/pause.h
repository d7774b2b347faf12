#ifndef Z4J_SCHEDULER_MUTATE_PAUSE_H_
#define Z4J_SCHEDULER_MUTATE_PAUSE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/scheduler/mutate/decide.h"

// Whether a schedule fires, rests or only records: what a change between these comes to for the due
// times that are not decided yet.  Codes as Decide.  Pure.
namespace z4j::scheduler {

// INVALID_ARGUMENT for `field` if a pause until then would be over at once.
absl::Status CheckPauseUntil(const char* field, absl::Time until, absl::Time now);

absl::StatusOr<Decision> DecidePause(const StoredSchedule& current, const PauseSchedule& pause,
                                     const Caller& caller, const Moment& moment);
absl::StatusOr<Decision> DecideResume(const StoredSchedule& current, const ResumeSchedule& resume,
                                      const Moment& moment);
absl::StatusOr<Decision> DecideShadow(const StoredSchedule& current, const ShadowSchedule& shadow,
                                      const Moment& moment);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_PAUSE_H_
