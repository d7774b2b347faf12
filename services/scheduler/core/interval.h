#ifndef Z4J_SCHEDULER_CORE_INTERVAL_H_
#define Z4J_SCHEDULER_CORE_INTERVAL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/core/wall_clock.h"

namespace z4j::scheduler {

// `anchor + n * period`, n >= 0, up to the end of kCalendarYearMax.  INVALID_ARGUMENT on
// "spec.interval.…" if the period or the anchor is out of bounds or finer than a microsecond, or if
// WALL arithmetic has a period that is not whole days.  With WALL, `clock` says what becomes of a
// wall time that DST removes or repeats; the anchor itself is due as it stands.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileInterval(const IntervalSpec& spec,
                                                                  absl::Time anchor,
                                                                  const WallClock& clock);

// INVALID_ARGUMENT on "spec.one_shot.at" if it is not a time in kCalendarYearMin ..
// kCalendarYearMax of whole microseconds.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileOneShot(const OneShotSpec& spec);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_INTERVAL_H_
