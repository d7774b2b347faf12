#ifndef Z4J_SCHEDULER_CORE_CIVIL_TEXT_H_
#define Z4J_SCHEDULER_CORE_CIVIL_TEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

// Dates and times of the day as schedules write them.  Pure.
namespace z4j::scheduler {

// The date that "2026-12-31" names; nullopt if the text is anything else, or if there is no such
// date (30 February).
std::optional<absl::CivilDay> ParseDate(absl::string_view text);
std::string DateText(absl::CivilDay date);  // "2026-12-31"; years 0 to 9999.

// The second of the day that "09:00" or "09:00:30" names; nullopt if the text is anything else.
std::optional<int> ParseTimeOfDay(absl::string_view text);
std::string TimeOfDayText(int second);  // "09:00:30", always with seconds; 0..86399.

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_CIVIL_TEXT_H_
