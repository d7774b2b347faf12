#ifndef Z4J_SCHEDULER_CORE_CALENDAR_H_
#define Z4J_SCHEDULER_CORE_CALENDAR_H_

#include <cstdint>

// Integer arithmetic on the Gregorian calendar.  absl::CivilDay does the same but normalises on
// every step, which the next-fire search would pay for a hundred times over.
namespace z4j::scheduler {

inline constexpr int64_t kSecondsPerDay = 86'400;

struct Date {
  int year;
  int month;  // 1..12
  int day;    // 1..31
};

constexpr bool IsLeapYear(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr int DaysInMonth(int year, int month) {
  if (month == 2) return IsLeapYear(year) ? 29 : 28;
  return 30 + ((month + (month >> 3)) & 1);
}

// Days from 1970-01-01 to `month` 1 of `year`.  Years are counted from March, so that the leap day
// is the last of its year and the months before it have lengths in a fixed pattern.
constexpr int64_t MonthStart(int year, int month) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

// The date `days` after 1970-01-01.
constexpr Date DateOf(int64_t days) {
  const int64_t shifted = days + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {static_cast<int>(year_of_era + era * 400 + (month <= 2)), month,
          static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1)};
}

// 0 = Sunday .. 6, of the day `days` >= -4 after 1970-01-01 (a Thursday).
constexpr int WeekdayOf(int64_t days) { return static_cast<int>((days + 4) % 7); }

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_CALENDAR_H_
