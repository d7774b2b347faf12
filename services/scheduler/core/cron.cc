#include "services/scheduler/core/cron.h"

#include <algorithm>
#include <bit>

#include "services/scheduler/core/calendar.h"

namespace z4j::scheduler {
namespace {

constexpr int64_t kFirstDay = MonthStart(kCalendarYearMin, 1);
constexpr int64_t kEndDay = MonthStart(kCalendarYearMax + 1, 1);
constexpr uint64_t kAllIsoWeeks = ((uint64_t{1} << 53) - 1) << 1;

// The lowest bit >= `n` and the highest <= `n`; -1 if there is none.
int BitFrom(uint64_t bits, int n) {
  const uint64_t rest = n < 64 ? bits & (~uint64_t{0} << n) : 0;
  return rest == 0 ? -1 : std::countr_zero(rest);
}
int BitTo(uint64_t bits, int n) {
  const uint64_t rest = n >= 0 ? bits & (~uint64_t{0} >> (63 - n)) : 0;
  return rest == 0 ? -1 : 63 - std::countl_zero(rest);
}
// How many bits are < `n`.
int BitsBelow(uint64_t bits, int n) { return std::popcount(bits & ((uint64_t{1} << n) - 1)); }

uint32_t Bit(int n) { return uint32_t{1} << n; }

}  // namespace

CronPattern::CronPattern(const CronFields& fields)
    : f_(fields),
      has_special_dates_(fields.days_before_last != 0 || fields.nearest_weekdays != 0 ||
                         fields.last_weekday_of_month),
      has_special_weekdays_(fields.nth_weekdays != 0 || fields.last_weekdays != 0),
      has_iso_weeks_(fields.iso_weeks != kAllIsoWeeks),
      first_time_(FirstTimeFrom(0)),
      last_time_(LastTimeTo(kSecondsPerDay - 1)) {}

uint32_t CronPattern::SpecialDates(int length, int first_weekday) const {
  const auto weekday_of = [&](int day) { return (first_weekday + day - 1) % 7; };
  uint32_t days = 0;
  for (uint32_t rest = f_.days_before_last; rest != 0; rest &= rest - 1) {
    const int day = length - std::countr_zero(rest);
    if (day >= 1) days |= Bit(day);
  }
  for (uint32_t rest = f_.nearest_weekdays; rest != 0; rest &= rest - 1) {
    const int day = std::countr_zero(rest);
    if (day > length) continue;
    // The nearest Monday to Friday that does not leave the month.
    if (weekday_of(day) == 6) {
      days |= Bit(day == 1 ? day + 2 : day - 1);
    } else if (weekday_of(day) == 0) {
      days |= Bit(day == length ? day - 2 : day + 1);
    } else {
      days |= Bit(day);
    }
  }
  if (f_.last_weekday_of_month) {
    const int weekday = weekday_of(length);
    days |= Bit(length - (weekday == 6 ? 1 : weekday == 0 ? 2 : 0));
  }
  return days;
}

uint32_t CronPattern::SpecialWeekdays(int length, int first_weekday) const {
  uint32_t days = 0;
  for (uint64_t rest = f_.nth_weekdays; rest != 0; rest &= rest - 1) {
    const int bit = std::countr_zero(rest);
    const int day = 1 + (bit % 7 - first_weekday + 7) % 7 + bit / 7 * 7;
    if (day <= length) days |= Bit(day);
  }
  const int last_weekday = (first_weekday + length - 1) % 7;
  for (uint32_t rest = f_.last_weekdays; rest != 0; rest &= rest - 1) {
    days |= Bit(length - (last_weekday - std::countr_zero(rest) + 7) % 7);
  }
  return days;
}

uint32_t CronPattern::IsoWeekDays(int64_t month_start, int length) const {
  uint32_t days = 0;
  const int64_t first_monday = month_start - (WeekdayOf(month_start) + 6) % 7;
  for (int64_t monday = first_monday; monday < month_start + length; monday += 7) {
    // A week belongs to the year of its Thursday.
    const int64_t thursday = monday + 3;
    const int64_t week = (thursday - MonthStart(DateOf(thursday).year, 1)) / 7 + 1;
    if ((f_.iso_weeks >> week & 1) == 0) continue;
    for (int64_t day = std::max(monday, month_start); day < monday + 7; ++day) {
      if (day < month_start + length) days |= Bit(static_cast<int>(day - month_start) + 1);
    }
  }
  return days;
}

uint32_t CronPattern::DaysOf(int year, int month, int64_t month_start) const {
  if ((f_.months >> month & 1) == 0 || !f_.years[year - kCalendarYearMin]) return 0;
  const int length = DaysInMonth(year, month);
  const int first_weekday = WeekdayOf(month_start);

  uint32_t by_date = f_.days;
  if (has_special_dates_) by_date |= SpecialDates(length, first_weekday);
  // The week's bits, turned so that the month's first weekday is bit 0, five times over.
  const uint64_t week = ((f_.weekdays | f_.weekdays << 7) >> first_weekday) & 0x7f;
  auto by_weekday = static_cast<uint32_t>(week * 0x10204081 << 1);
  if (has_special_weekdays_) by_weekday |= SpecialWeekdays(length, first_weekday);

  uint32_t days = f_.either_day ? by_date | by_weekday : by_date & by_weekday;
  if (has_iso_weeks_) days &= IsoWeekDays(month_start, length);
  return days & static_cast<uint32_t>(((uint64_t{1} << length) - 1) << 1);
}

int CronPattern::FirstTimeFrom(int second) const {
  const int h = second / 3600, m = second / 60 % 60, s = second % 60;
  const int first_second = BitFrom(f_.seconds, 0);
  if (f_.hours >> h & 1) {
    if (f_.minutes >> m & 1) {
      if (const int next = BitFrom(f_.seconds, s); next >= 0) return h * 3600 + m * 60 + next;
    }
    if (const int next = BitFrom(f_.minutes, m + 1); next >= 0) {
      return h * 3600 + next * 60 + first_second;
    }
  }
  const int next = BitFrom(f_.hours, h + 1);
  return next < 0 ? -1 : next * 3600 + BitFrom(f_.minutes, 0) * 60 + first_second;
}

int CronPattern::LastTimeTo(int second) const {
  const int h = second / 3600, m = second / 60 % 60, s = second % 60;
  const int last_second = BitTo(f_.seconds, 59);
  if (f_.hours >> h & 1) {
    if (f_.minutes >> m & 1) {
      if (const int last = BitTo(f_.seconds, s); last >= 0) return h * 3600 + m * 60 + last;
    }
    if (const int last = BitTo(f_.minutes, m - 1); last >= 0) {
      return h * 3600 + last * 60 + last_second;
    }
  }
  const int last = BitTo(f_.hours, h - 1);
  return last < 0 ? -1 : last * 3600 + BitTo(f_.minutes, 59) * 60 + last_second;
}

int64_t CronPattern::CountTimesBefore(int second) const {
  const int h = second / 3600, m = second / 60 % 60, s = second % 60;
  const int per_minute = std::popcount(f_.seconds);
  int64_t count = int64_t{BitsBelow(f_.hours, h)} * std::popcount(f_.minutes) * per_minute;
  if (f_.hours >> h & 1) {
    count += BitsBelow(f_.minutes, m) * per_minute;
    if (f_.minutes >> m & 1) count += BitsBelow(f_.seconds, s);
  }
  return count;
}

WallSecond CronPattern::FirstAtOrAfter(WallSecond from) const {
  from = std::max(from, kFirstDay * kSecondsPerDay);
  if (from >= kEndDay * kSecondsPerDay) return kDistantFuture;
  const int64_t day = from / kSecondsPerDay;
  auto [year, month, day_of_month] = DateOf(day);
  int64_t month_start = day - (day_of_month - 1);
  uint32_t days = DaysOf(year, month, month_start);
  if (days >> day_of_month & 1) {
    const int time = FirstTimeFrom(static_cast<int>(from % kSecondsPerDay));
    if (time >= 0) return day * kSecondsPerDay + time;
  }
  days = static_cast<uint32_t>(days & (~uint64_t{0} << (day_of_month + 1)));
  while (days == 0) {
    month = BitFrom(f_.months, month + 1);
    if (month < 0) {
      month = BitFrom(f_.months, 1);
      if (++year > kCalendarYearMax) return kDistantFuture;
    }
    month_start = MonthStart(year, month);
    days = DaysOf(year, month, month_start);
  }
  return (month_start + std::countr_zero(days) - 1) * kSecondsPerDay + first_time_;
}

WallSecond CronPattern::LastAtOrBefore(WallSecond at) const {
  at = std::min(at, kEndDay * kSecondsPerDay - 1);
  if (at < kFirstDay * kSecondsPerDay) return kDistantPast;
  const int64_t day = at / kSecondsPerDay;
  auto [year, month, day_of_month] = DateOf(day);
  int64_t month_start = day - (day_of_month - 1);
  uint32_t days = DaysOf(year, month, month_start);
  if (days >> day_of_month & 1) {
    const int time = LastTimeTo(static_cast<int>(at % kSecondsPerDay));
    if (time >= 0) return day * kSecondsPerDay + time;
  }
  days &= Bit(day_of_month) - 1;
  while (days == 0) {
    month = BitTo(f_.months, month - 1);
    if (month < 0) {
      month = BitTo(f_.months, 12);
      if (--year < kCalendarYearMin) return kDistantPast;
    }
    month_start = MonthStart(year, month);
    days = DaysOf(year, month, month_start);
  }
  return (month_start + 31 - std::countl_zero(days) - 1) * kSecondsPerDay + last_time_;
}

int64_t CronPattern::CountIn(WallSecond from, WallSecond to) const {
  from = std::max(from, kFirstDay * kSecondsPerDay);
  to = std::min(to, kEndDay * kSecondsPerDay);
  if (from >= to) return 0;
  const int64_t last_day = to / kSecondsPerDay;  // Counts up to `to` within it.
  const int64_t per_day =
      int64_t{std::popcount(f_.hours)} * std::popcount(f_.minutes) * std::popcount(f_.seconds);
  int64_t day = from / kSecondsPerDay;
  auto [year, month, day_of_month] = DateOf(day);
  int64_t month_start = day - (day_of_month - 1);
  int64_t count = 0;
  // Whole days from the first on up to the last, then what lies before `from` or is at or after
  // `to` on those two is taken away or added.
  while (month_start <= last_day && year <= kCalendarYearMax) {
    const uint32_t days = DaysOf(year, month, month_start);
    const int64_t length = DaysInMonth(year, month);
    uint64_t whole = days;
    if (day > month_start) whole &= ~uint64_t{0} << (day - month_start + 1);
    if (last_day < month_start + length) whole &= (uint64_t{1} << (last_day - month_start + 1)) - 1;
    count += std::popcount(whole) * per_day;
    if (day >= month_start && (days >> (day - month_start + 1) & 1)) {
      count -= CountTimesBefore(static_cast<int>(from % kSecondsPerDay));
    }
    if (last_day < month_start + length && (days >> (last_day - month_start + 1) & 1)) {
      count += CountTimesBefore(static_cast<int>(to % kSecondsPerDay));
    }
    month_start += length;
    if (++month == 13) {
      month = 1;
      ++year;
    }
  }
  return count;
}

}  // namespace z4j::scheduler
