#ifndef Z4J_SCHEDULER_CORE_CALENDAR_INTERVAL_H_
#define Z4J_SCHEDULER_CORE_CALENDAR_INTERVAL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/core/wall_clock.h"

namespace z4j::scheduler {

// One time of the day on dates that follow each other as APScheduler's CalendarIntervalTrigger has
// them.  The first is the start date.  From each date, years and months are added with the day of
// the month kept, again and again until there is such a date; then weeks and days are added.  So
//   * with years or months alone, the day of the month is always the start's, and months (years)
//     that lack it are left out: 31 January, 31 March, 31 May, …;
//   * with weeks or days alone, the dates are evenly spaced;
//   * with both, the day of the month moves on from date to date.
// A date that `clock` gives no instant for (GapPolicy::kSkip) does not move those after it.
//
// INVALID_ARGUMENT on "spec.calendar_interval.…" if a field is out of bounds, no step is positive,
// or no date comes due at all.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileCalendarInterval(
    const CalendarIntervalSpec& spec, const WallClock& clock);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_CALENDAR_INTERVAL_H_
