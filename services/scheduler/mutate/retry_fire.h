#ifndef Z4J_SCHEDULER_MUTATE_RETRY_FIRE_H_
#define Z4J_SCHEDULER_MUTATE_RETRY_FIRE_H_

#include "absl/status/statusor.h"
#include "services/scheduler/mutate/decide.h"

namespace z4j::scheduler {

// Decides the retry of a fire whose schedule, by name, is now `current`.  NOT_FOUND if that is
// another schedule; FAILED_PRECONDITION if the fire did not end badly, or was repeated already: a
// fire is repeated once, by whomever.  Pure.
absl::StatusOr<Decision> DecideRetry(const StoredSchedule& current, const RetryFire& retry,
                                     const Moment& moment);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_RETRY_FIRE_H_
