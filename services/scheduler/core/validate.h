#ifndef Z4J_SCHEDULER_CORE_VALIDATE_H_
#define Z4J_SCHEDULER_CORE_VALIDATE_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// Checks every field of `schedule` as a user may set it, and that it can be computed.
// INVALID_ARGUMENT with one violation per fault, each naming the field (path from the schedule:
// "spec.interval.period"), the value, the bound and the fix.  `now` is used for nothing but
// refusing an end_at before start_at and telling past from future in messages.  Pure.
absl::Status ValidateSchedule(const Schedule& schedule, absl::Time now);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_VALIDATE_H_
