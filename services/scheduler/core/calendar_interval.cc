#include "services/scheduler/core/calendar_interval.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/calendar.h"
#include "services/scheduler/core/civil_text.h"
#include "services/scheduler/core/every_few_days.h"
#include "services/scheduler/core/wall_recurrence.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr char kPath[] = "spec.calendar_interval";
constexpr int64_t kEndDay = MonthStart(kCalendarYearMax + 1, 1);
constexpr int64_t kEndMonth = int64_t{kCalendarYearMax + 1} * 12;

// Months are counted from January of year 0.
int64_t MonthOf(const Date& date) { return int64_t{date.year} * 12 + date.month - 1; }

// The date with that day of the month, in days after 1970-01-01; -1 if the month lacks it.
int64_t DayIn(int64_t month, int day) {
  const int year = static_cast<int>(month / 12), month_of_year = static_cast<int>(month % 12) + 1;
  if (day > DaysInMonth(year, month_of_year)) return -1;
  return MonthStart(year, month_of_year) + day - 1;
}

// The same day of every few months, where there is one.
class EveryFewMonths final : public WallPattern {
 public:
  EveryFewMonths(const Date& start, int64_t months, int at_second)
      : start_(MonthOf(start)), step_(months), day_(start.day), at_(at_second) {}

  WallSecond FirstAtOrAfter(WallSecond from) const override {
    if (from >= kEndDay * kSecondsPerDay) return kDistantFuture;
    const int64_t from_month = MonthOf(DateOf(std::max<int64_t>(from, 0) / kSecondsPerDay));
    int64_t month = start_ + std::max<int64_t>(from_month - start_, 0) / step_ * step_;
    for (; month < kEndMonth; month += step_) {
      const int64_t day = DayIn(month, day_);
      if (day >= 0 && day * kSecondsPerDay + at_ >= from) return day * kSecondsPerDay + at_;
    }
    return kDistantFuture;
  }

  WallSecond LastAtOrBefore(WallSecond at) const override {
    at = std::min(at, kEndDay * kSecondsPerDay - 1);
    if (at < 0) return kDistantPast;
    const int64_t at_month = MonthOf(DateOf(at / kSecondsPerDay));
    if (at_month < start_) return kDistantPast;
    int64_t month = start_ + (at_month - start_) / step_ * step_;
    for (; month >= start_; month -= step_) {
      const int64_t day = DayIn(month, day_);
      if (day >= 0 && day * kSecondsPerDay + at_ <= at) return day * kSecondsPerDay + at_;
    }
    return kDistantPast;
  }

  // Walks: there are at most twelve a year.
  int64_t CountIn(WallSecond from, WallSecond to) const override {
    to = std::min(to, kDistantFuture);
    int64_t count = 0;
    for (WallSecond w = FirstAtOrAfter(from); w < to; w = FirstAtOrAfter(w + 1)) ++count;
    return count;
  }

 private:
  int64_t start_, step_;
  int day_, at_;
};

// Months and days together: each date follows from the one before it, so all are found in advance.
// At most one a month: 11 kB.
class DateList final : public WallPattern {
 public:
  DateList(const Date& start, int64_t months, int64_t days, int at_second) : at_(at_second) {
    int64_t day = MonthStart(start.year, start.month) + start.day - 1;
    while (day < kEndDay) {
      days_.push_back(static_cast<int32_t>(day));
      const Date date = DateOf(day);
      int64_t month = MonthOf(date);
      do {
        month += months;
        if (month >= kEndMonth) {
          days_.shrink_to_fit();
          return;
        }
      } while (DayIn(month, date.day) < 0);
      day = DayIn(month, date.day) + days;
    }
    days_.shrink_to_fit();
  }

  WallSecond FirstAtOrAfter(WallSecond from) const override {
    const size_t i = CountBefore(from);
    return i < days_.size() ? days_[i] * kSecondsPerDay + at_ : kDistantFuture;
  }
  WallSecond LastAtOrBefore(WallSecond at) const override {
    const size_t i = CountBefore(at + 1);
    return i > 0 ? days_[i - 1] * kSecondsPerDay + at_ : kDistantPast;
  }
  int64_t CountIn(WallSecond from, WallSecond to) const override {
    return from < to ? static_cast<int64_t>(CountBefore(to) - CountBefore(from)) : 0;
  }

 private:
  // How many of them are before `wall`.
  size_t CountBefore(WallSecond wall) const {
    const auto is_before = [this](int32_t day, WallSecond w) {
      return day * kSecondsPerDay + at_ < w;
    };
    return std::lower_bound(days_.begin(), days_.end(), wall, is_before) - days_.begin();
  }

  std::vector<int32_t> days_;  // After 1970-01-01.
  int at_;
};

// Notes every field that is out of bounds.
std::vector<FieldViolation> Faults(const CalendarIntervalSpec& spec) {
  std::vector<FieldViolation> faults;
  const auto check = [&](const char* name, int value, int max) {
    if (0 <= value && value <= max) return;
    faults.push_back({absl::StrCat(kPath, ".", name),
                      absl::StrCat(value, " is out of range; write 0 to ", max)});
  };
  check("years", spec.years, kCalendarYearsMax);
  check("months", spec.months, kCalendarMonthsMax);
  check("weeks", spec.weeks, kCalendarWeeksMax);
  check("days", spec.days, kCalendarDaysMax);
  if (faults.empty() && spec.years + spec.months + spec.weeks + spec.days == 0) {
    faults.push_back({kPath, "has no step; give at least one of years, months, weeks and days"});
  }
  if (spec.at_second < 0 || spec.at_second >= kSecondsPerDay) {
    faults.push_back({absl::StrCat(kPath, ".at_second"),
                      absl::StrCat(spec.at_second, " is no second of a day; write a time from ",
                                   "00:00:00 to 23:59:59")});
  }
  const int64_t year = spec.start_date.year();
  if (year < kCalendarYearMin || year > kCalendarYearMax) {
    faults.push_back({absl::StrCat(kPath, ".start_date"),
                      absl::StrCat("the year ", year, " is out of range; write a date from ",
                                   kCalendarYearMin, " to ", kCalendarYearMax)});
  }
  return faults;
}

template <typename Pattern>
std::shared_ptr<const Recurrence> OnClock(Pattern pattern, const WallClock& clock) {
  return std::make_shared<WallRecurrence<Pattern>>(std::move(pattern), clock);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Recurrence>> CompileCalendarInterval(
    const CalendarIntervalSpec& spec, const WallClock& clock) {
  if (std::vector<FieldViolation> faults = Faults(spec); !faults.empty()) {
    return FieldError(std::move(faults));
  }
  const int64_t months = int64_t{spec.years} * 12 + spec.months;
  const int64_t days = int64_t{spec.weeks} * 7 + spec.days;
  const Date start = {static_cast<int>(spec.start_date.year()), spec.start_date.month(),
                      spec.start_date.day()};
  std::shared_ptr<const Recurrence> recurrence;
  if (months == 0) {
    const int64_t first = MonthStart(start.year, start.month) + start.day - 1;
    recurrence = OnClock(
        EveryFewDays(first * kSecondsPerDay + spec.at_second, days * kSecondsPerDay), clock);
  } else if (days == 0) {
    recurrence = OnClock(EveryFewMonths(start, months, spec.at_second), clock);
  } else {
    recurrence = OnClock(DateList(start, months, days, spec.at_second), clock);
  }
  if (recurrence->NextAfter(absl::InfinitePast()) == absl::InfiniteFuture()) {
    return FieldError(kPath,
                      absl::StrCat("never comes due: clocks skip ", TimeOfDayText(spec.at_second),
                                   " on each of its dates; choose another time or gap policy"));
  }
  return recurrence;
}

}  // namespace z4j::scheduler
