#include <bit>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/calendar.h"
#include "services/scheduler/core/cron_parse.h"
#include "services/scheduler/core/lint_rules.h"

namespace z4j::scheduler {
namespace {

constexpr uint64_t kAllSixty = (uint64_t{1} << 60) - 1;
constexpr uint32_t kAllHours = (uint32_t{1} << 24) - 1;
constexpr uint32_t kAllDays = 0xffff'fffe;
constexpr uint16_t kAllMonths = 0x1ffe;
constexpr uint8_t kAllWeekdays = 0x7f;

bool HasSpecialDays(const CronFields& f) {
  return f.days_before_last != 0 || f.nearest_weekdays != 0 || f.last_weekday_of_month;
}
bool AreDaysSet(const CronFields& f) { return f.days != kAllDays || HasSpecialDays(f); }
bool AreWeekdaysSet(const CronFields& f) {
  return f.weekdays != kAllWeekdays || f.nth_weekdays != 0 || f.last_weekdays != 0;
}

// Seven days in a row are the way to say "the second Friday" with AND.
bool IsOneWeek(uint32_t days) {
  return std::popcount(days) == 7 && days >> std::countr_zero(days) == 0x7f;
}

// "hour 5", "3 hours" or "each hour".
std::string HoursText(uint32_t hours) {
  if (hours == kAllHours) return "each hour of the days that match";
  if (std::popcount(hours) == 1) return absl::StrCat("hour ", std::countr_zero(hours));
  return absl::StrCat("each of ", std::popcount(hours), " hours");
}

void LintMinutes(const CronSpec& cron, const CronFields& f, LintNotes* notes) {
  const bool is_day_set = AreDaysSet(f) || AreWeekdaysSet(f) || f.months != kAllMonths;
  if (f.seconds == kAllSixty && f.minutes != kAllSixty) {
    notes->push_back({"EVERY_SECOND", CronPath(cron, "second"),
                      "any second matches: 60 fires in each minute that matches",
                      "for one of them write second 0"});
  }
  if (f.minutes == kAllSixty && (f.hours != kAllHours || is_day_set)) {
    notes->push_back({"EVERY_MINUTE", CronPath(cron, "minute"),
                      absl::StrCat("any minute matches: 60 times in ", HoursText(f.hours)),
                      "for once an hour write minute 0"});
  }
  const int minute = std::countr_zero(f.minutes);
  if (std::popcount(f.minutes) == 1 && minute > 1 && 60 % minute == 0 && f.hours == kAllHours &&
      !is_day_set) {
    notes->push_back({"LONE_MINUTE", CronPath(cron, "minute"),
                      absl::StrCat("once an hour, at minute ", minute),
                      absl::StrCat("for every ", minute, " minutes write */", minute)});
  }
}

void LintDays(const CronSpec& cron, const CronFields& f, LintNotes* notes) {
  if (f.either_day) {
    notes->push_back({"BOTH_DAY_FIELDS", CronPath(cron, "day_of_week"),
                      "both day fields are set: days that match either of them",
                      "for days that match both set day_match to AND; else leave one of them out"});
  } else if (AreDaysSet(f) && AreWeekdaysSet(f) && !IsOneWeek(f.days)) {
    notes->push_back(
        {"BOTH_DAY_FIELDS", CronPath(cron, "day_of_week"),
         "both day fields are set: only days that match both of them",
         "for days that match either set day_match to OR; else leave one of them out"});
  }
  if (AreWeekdaysSet(f) || HasSpecialDays(f) || f.days == 0) return;
  const int day = std::countr_zero(f.days);
  int lacking = 0;
  for (int month = 1; month <= 12; ++month) {
    if ((f.months >> month & 1) && DaysInMonth(2023, month) < day) ++lacking;
  }
  if (lacking > 0) {
    notes->push_back({"SHORT_MONTHS", CronPath(cron, "day_of_month"),
                      day == 29 ? "day 29: February has it in leap years alone"
                                : absl::StrCat("day ", day, ": months without it are left out, ",
                                               lacking, " of them"),
                      "for the last day of each month write L"});
  }
}

}  // namespace

void LintCron(const CronSpec& cron, LintNotes* notes) {
  const auto fields = ParseCron(cron);
  if (!fields.ok()) return;
  LintMinutes(cron, *fields, notes);
  LintDays(cron, *fields, notes);
}

}  // namespace z4j::scheduler
