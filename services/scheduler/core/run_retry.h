#ifndef Z4J_SCHEDULER_CORE_RUN_RETRY_H_
#define Z4J_SCHEDULER_CORE_RUN_RETRY_H_

#include "absl/time/time.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/core/schedule.h"

// The retry of a run: whether the end of one leads to another, and which.  Pure.
namespace z4j::scheduler {

// What `policy` makes of a run that was found to end LOST: on_lost FAIL ends it FAILED.
FireState EndUnder(const RunRetry& policy, FireState state);

// Whether a run that is number `run` and ended so is repeated.  It is not if someone cancelled it,
// if its engine will never take it or could not be reached (it never ran), or if it ended FAILED
// only because of on_lost.
bool IsRepeated(const RunRetry& policy, int run, FireState state, FireReason reason);

// How long run number `run`, which is 2 or more, waits after the end of the one before: in
// [initial_backoff, max_backoff], whole microseconds.  Without jitter, so that every node says the
// same.
absl::Duration BackoffBefore(const RunRetry& policy, int run);

// The fire that repeats `fire`, PENDING, to be dispatched from `at` on.  There is one for each
// fire, whoever makes it and however often: its key follows from the id of `fire` and its run.
Fire RetryOf(const Fire& fire, absl::Time at, absl::Time now);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_RUN_RETRY_H_
