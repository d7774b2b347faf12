#ifndef Z4J_SCHEDULER_CORE_CRON_H_
#define Z4J_SCHEDULER_CORE_CRON_H_

#include <cstdint>

#include "services/scheduler/core/cron_parse.h"
#include "services/scheduler/core/wall_clock.h"

namespace z4j::scheduler {

// The wall times of a cron spec, from kCalendarYearMin to kCalendarYearMax.  Every question is
// answered by bit scans over month, day, hour, minute and second: nothing is stepped through but
// months without a matching day.
class CronPattern final : public WallPattern {
 public:
  explicit CronPattern(const CronFields& fields);

  WallSecond FirstAtOrAfter(WallSecond from) const override;
  WallSecond LastAtOrBefore(WallSecond at) const override;
  int64_t CountIn(WallSecond from, WallSecond to) const override;

 private:
  // The matching days of a month that begins `month_start` days after 1970-01-01: bits 1..31.
  uint32_t DaysOf(int year, int month, int64_t month_start) const;
  uint32_t SpecialDates(int length, int first_weekday) const;
  uint32_t SpecialWeekdays(int length, int first_weekday) const;
  uint32_t IsoWeekDays(int64_t month_start, int length) const;

  // Of a day's matching seconds: the first >= `second`, the last <= it (-1: none), and how many
  // are < it.
  int FirstTimeFrom(int second) const;
  int LastTimeTo(int second) const;
  int64_t CountTimesBefore(int second) const;

  CronFields f_;
  bool has_special_dates_, has_special_weekdays_, has_iso_weeks_;
  int first_time_, last_time_;  // Of a matching day, in seconds.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_CRON_H_
