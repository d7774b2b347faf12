#ifndef Z4J_SCHEDULER_CORE_INTERVAL_H_
#define Z4J_SCHEDULER_CORE_INTERVAL_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/core/wall_clock.h"

namespace z4j::scheduler {

// The instants `first + n * period`, n >= 0, in elapsed time, up to the end of kCalendarYearMax: an
// interval with ABSOLUTE arithmetic, or a one-shot, whose second instant would lie beyond that end.
// It needs no wall clock and takes 24 bytes: where there are a million, all different, hold them by
// value.
class TimeGrid final : public Recurrence {
 public:
  // `first` lies in kCalendarYearMin .. kCalendarYearMax; both are whole microseconds, `period` >
  // 0.
  TimeGrid(absl::Time first, absl::Duration period)
      : first_(absl::ToUnixMicros(first)), period_(absl::ToInt64Microseconds(period)) {}

  absl::Time NextAfter(absl::Time after) const override;
  absl::Time LastAtOrBefore(absl::Time at) const override;
  int64_t CountBetween(absl::Time after, absl::Time until) const override;

 private:
  // How many due times are at or before `micros`.
  int64_t CountTo(int64_t micros) const {
    return micros < first_ ? 0 : (micros - first_) / period_ + 1;
  }

  int64_t first_, period_;  // Microseconds.
};

// The recurrence of an ABSOLUTE interval or a one-shot; nullopt for every other schedule.
// INVALID_ARGUMENT on "time_zone", "spec.interval.…" or "spec.one_shot.at" as of CompileRecurrence.
absl::StatusOr<std::optional<TimeGrid>> CompileTimeGrid(const Schedule& schedule);

// An interval with WALL arithmetic.  INVALID_ARGUMENT on "spec.interval.…" if the period or the
// anchor is out of bounds or finer than a microsecond, or if the period is not whole days.  `clock`
// says what becomes of a wall time that DST removes or repeats; the anchor itself is due as it
// stands.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileWallInterval(const IntervalSpec& spec,
                                                                      absl::Time anchor,
                                                                      const WallClock& clock);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_INTERVAL_H_
