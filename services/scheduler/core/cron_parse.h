#ifndef Z4J_SCHEDULER_CORE_CRON_PARSE_H_
#define Z4J_SCHEDULER_CORE_CRON_PARSE_H_

#include <bitset>
#include <cstdint>

#include "absl/status/statusor.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// A cron spec as bit sets: bit n of a field stands for its value n.
struct CronFields {
  uint64_t seconds = 0;
  uint64_t minutes = 0;
  uint32_t hours = 0;
  uint16_t months = 0;                                         // Bits 1..12.
  uint32_t days = 0;                                           // Bits 1..31.
  uint32_t days_before_last = 0;                               // "L" is bit 0, "L-3" bit 3.
  uint32_t nearest_weekdays = 0;                               // "15W" is bit 15.
  bool last_weekday_of_month = false;                          // "LW"
  uint8_t weekdays = 0;                                        // Bit 0 is Sunday.
  uint64_t nth_weekdays = 0;                                   // "5#2" is bit 7 * (2 - 1) + 5.
  uint8_t last_weekdays = 0;                                   // "5L" is bit 5.
  uint64_t iso_weeks = 0;                                      // Bits 1..53.
  std::bitset<kCalendarYearMax - kCalendarYearMin + 1> years;  // Bit 0 is kCalendarYearMin.

  // Either day field may match; otherwise both must.  Set only if neither holds "*" or "?".
  bool either_day = false;
  // The hour field is a wildcard or has a step, or admits every hour: FoldPolicy::kAuto then
  // means kBoth.
  bool is_hour_open = false;

  friend bool operator==(const CronFields&, const CronFields&) = default;
};

// Reads the spec.  INVALID_ARGUMENT with one violation per bad field; the path is
// "spec.cron.expression" or that of the field ("spec.cron.hour"), and the text names the token, its
// position (counted from 1) and the fix.  Pure.
absl::StatusOr<CronFields> ParseCron(const CronSpec& spec);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_CRON_PARSE_H_
