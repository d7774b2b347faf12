#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "services/scheduler/core/cron_parse.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/zone.h"

// Random specs against an oracle that shares nothing with the evaluator but the parser: it looks
// at each day of a window, and asks Abseil for the instants of each wall time.
namespace z4j::scheduler {
namespace {

constexpr const char* kZones[] = {"UTC",
                                  "America/New_York",
                                  "Europe/Berlin",
                                  "Europe/Dublin",
                                  "Pacific/Apia",
                                  "Australia/Lord_Howe",
                                  "Africa/Casablanca",
                                  "America/Santiago",
                                  "Asia/Tehran",
                                  "America/Sao_Paulo",
                                  "Africa/Monrovia",
                                  "Asia/Kolkata",
                                  "Pacific/Kiritimati",
                                  "Antarctica/Troll",
                                  "America/St_Johns",
                                  "Africa/Cairo",
                                  "UTC+05:30",
                                  "UTC-03:00"};

class RandomSpecs {
 public:
  explicit RandomSpecs(uint32_t seed) : random_(seed) {}

  int Below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  bool OneIn(int n) { return Below(n) == 0; }
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  // One to three terms; seldom "*".
  std::string Field(int low, int high) {
    if (OneIn(4)) return "*";
    std::vector<std::string> terms;
    for (int n = 1 + Below(3); n > 0; --n) {
      const int a = low + Below(high - low + 1), b = low + Below(high - low + 1);
      switch (Below(5)) {
        case 0:
          terms.push_back(absl::StrCat(a, "-", b));
          break;
        case 1:
          terms.push_back(absl::StrCat(a, "-", b, "/", 1 + Below(7)));
          break;
        case 2:
          terms.push_back(absl::StrCat("*/", 1 + Below(high - low + 1)));
          break;
        default:
          terms.push_back(absl::StrCat(a));
      }
    }
    return absl::StrJoin(terms, ",");
  }

  std::string DayOfMonth() {
    switch (Below(10)) {
      case 0:
        return "L";
      case 1:
        return absl::StrCat("L-", Below(31));
      case 2:
        return "LW,1W";
      case 3:
        return absl::StrCat(1 + Below(31), "W,", 1 + Below(31), "W");
      default:
        return Field(1, 31);
    }
  }

  std::string DayOfWeek() {
    switch (Below(8)) {
      case 0:
        return absl::StrCat(Below(8), "#", 1 + Below(5));
      case 1:
        return absl::StrCat(Below(8), "L,", Below(7));
      default:
        return Field(0, 6);
    }
  }

  Schedule Spec() {
    CronSpec cron;
    cron.second = OneIn(4) ? Field(0, 59) : "0";
    cron.minute = Field(0, 59);
    cron.hour = Field(0, 23);
    cron.day_of_month = OneIn(2) ? "*" : DayOfMonth();
    cron.month = OneIn(2) ? "*" : Field(1, 12);
    cron.day_of_week = OneIn(2) ? "*" : DayOfWeek();
    if (OneIn(8)) cron.iso_week = Field(1, 53);
    if (OneIn(8)) cron.year = "1970-2025/3,2026-2199/2";
    cron.day_match = OneIn(2) ? DayMatch::kOr : DayMatch::kAnd;
    if (OneIn(3)) cron.microsecond = OneIn(2) ? 999'999 : Below(1'000'000);
    Schedule schedule;
    schedule.spec = cron;
    schedule.time_zone = kZones[Below(std::size(kZones))];
    schedule.gap = static_cast<GapPolicy>(1 + Below(3));
    schedule.fold = static_cast<FoldPolicy>(Below(4));
    return schedule;
  }

 private:
  std::mt19937 random_;
};

bool DayMatches(const CronFields& f, absl::CivilDay date) {
  const auto weekday_of = [](absl::CivilDay d) {
    return (static_cast<int>(absl::GetWeekday(d)) + 1) % 7;  // absl counts from Monday.
  };
  const auto is_workday = [&](absl::CivilDay d) { return weekday_of(d) % 6 != 0; };
  const absl::CivilMonth month(date);
  const absl::CivilDay first(month), last = absl::CivilDay(month + 1) - 1;
  const int day = date.day(), weekday = weekday_of(date);
  if (date.year() < kCalendarYearMin || date.year() > kCalendarYearMax) return false;
  if (!(f.months >> date.month() & 1) || !f.years[date.year() - kCalendarYearMin]) return false;

  bool by_date = (f.days >> day & 1) || (f.days_before_last >> (last - date) & 1);
  if (f.last_weekday_of_month) {
    absl::CivilDay d = last;
    while (!is_workday(d)) --d;
    by_date |= d == date;
  }
  for (int n = 1; n <= last.day(); ++n) {
    if (!(f.nearest_weekdays >> n & 1)) continue;
    const absl::CivilDay wanted = first + (n - 1);
    for (const int step : {0, -1, 1, -2, 2}) {
      const absl::CivilDay d = wanted + step;
      if (d < first || d > last || !is_workday(d)) continue;
      by_date |= d == date;
      break;
    }
  }
  const bool by_weekday = (f.weekdays >> weekday & 1) ||
                          (f.nth_weekdays >> ((day - 1) / 7 * 7 + weekday) & 1) ||
                          ((f.last_weekdays >> weekday & 1) && day + 7 > last.day());
  // The ISO week is the count of Thursdays so far in the year of this week's Thursday.
  const absl::CivilDay thursday = date - (weekday + 6) % 7 + 3;
  const int week = (absl::GetYearDay(thursday) - 1) / 7 + 1;
  return (f.either_day ? by_date || by_weekday : by_date && by_weekday) &&
         (f.iso_weeks >> week & 1);
}

// Every due time of the wall days [begin, end), in order.
std::vector<absl::Time> Enumerate(const CronFields& f, const Schedule& schedule,
                                  absl::CivilDay begin, absl::CivilDay end) {
  const absl::TimeZone zone = ShownZone(schedule.time_zone);
  FoldPolicy fold = schedule.fold;
  if (fold == FoldPolicy::kAuto) fold = f.is_hour_open ? FoldPolicy::kBoth : FoldPolicy::kFirst;
  std::vector<absl::Time> times;
  const auto add = [&](absl::CivilSecond wall) {
    const absl::TimeZone::TimeInfo info = zone.At(wall);
    if (info.kind == absl::TimeZone::TimeInfo::SKIPPED) {
      if (schedule.gap == GapPolicy::kNextValid) times.push_back(info.trans);
      if (schedule.gap == GapPolicy::kShift) times.push_back(info.pre);
      return;
    }
    if (info.kind == absl::TimeZone::TimeInfo::UNIQUE || fold != FoldPolicy::kSecond) {
      times.push_back(info.pre);
    }
    if (info.kind == absl::TimeZone::TimeInfo::REPEATED && fold != FoldPolicy::kFirst) {
      times.push_back(info.post);
    }
  };
  for (absl::CivilDay day = begin; day < end; ++day) {
    if (!DayMatches(f, day)) continue;
    for (int second = 0; second < 86400; ++second) {
      if ((f.hours >> (second / 3600) & 1) && (f.minutes >> (second / 60 % 60) & 1) &&
          (f.seconds >> (second % 60) & 1)) {
        add(absl::CivilSecond(day) + second);
      }
    }
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  const int microsecond = std::get<CronSpec>(schedule.spec).microsecond;
  for (absl::Time& time : times) time += absl::Microseconds(microsecond);
  return times;
}

TEST(RandomRecurrenceTest, NextLastAndCountAgreeWithBruteForce) {
  const char* given = std::getenv("Z4J_SEED");
  const uint32_t seed =
      given != nullptr ? std::strtoul(given, nullptr, 10) : std::random_device()();
  std::cout << "seed: Z4J_SEED=" << seed << std::endl;
  RandomSpecs random(seed);
  const absl::Time calendar_end =
      absl::FromCivil(absl::CivilYear(kCalendarYearMax + 1), absl::UTCTimeZone());
  int64_t compared = 0;
  int specs = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    const Schedule schedule = random.Spec();
    SCOPED_TRACE(absl::StrCat("round ", round, ": ", RecurrenceKey(schedule)));
    const CronFields fields = *ParseCron(std::get<CronSpec>(schedule.spec));
    const auto compiled = CompileRecurrence(schedule);
    if (!compiled.ok()) {
      ++refused;
      continue;
    }
    const Recurrence& recurrence = **compiled;
    ++specs;

    // A window of wall days, every other time around a change of the offset.
    const absl::TimeZone zone = ShownZone(schedule.time_zone);
    absl::Time middle = absl::FromUnixSeconds(random.Between(0, 7'200'000'000));
    if (round < 20) middle = round % 2 == 0 ? absl::UnixEpoch() : calendar_end;
    absl::TimeZone::CivilTransition change;
    if (random.OneIn(2) && zone.NextTransition(middle, &change)) middle = zone.At(change.to).pre;
    const int days = 4 + random.Below(30);
    const absl::CivilDay begin = absl::ToCivilDay(middle, zone) - 1 - random.Below(3);
    const std::vector<absl::Time> expected = Enumerate(fields, schedule, begin, begin + days);
    // The window's outer days are left out: instants move across midnight there.
    const absl::Time from = zone.At(absl::CivilSecond(begin + 1)).pre;
    const absl::Time to = zone.At(absl::CivilSecond(begin + days - 1)).pre;
    std::vector<absl::Time> inside;
    for (const absl::Time t : expected) {
      if (from < t && t <= to) inside.push_back(t);
    }

    std::vector<absl::Time> forward, backward;
    for (absl::Time t = recurrence.NextAfter(from); t <= to; t = recurrence.NextAfter(t)) {
      forward.push_back(t);
    }
    for (absl::Time t = recurrence.LastAtOrBefore(to); t > from;
         t = recurrence.LastAtOrBefore(t - absl::Microseconds(1))) {
      backward.push_back(t);
    }
    std::reverse(backward.begin(), backward.end());
    ASSERT_EQ(forward, inside);
    ASSERT_EQ(backward, inside);
    compared += static_cast<int64_t>(inside.size());

    const int64_t span = absl::ToInt64Microseconds(to - from);
    for (int i = 0; i < 20; ++i) {
      absl::Time a = from + absl::Microseconds(random.Between(0, span));
      absl::Time b = from + absl::Microseconds(random.Between(0, span));
      if (!inside.empty() && random.OneIn(3)) a = inside[random.Below(inside.size())];
      if (!inside.empty() && random.OneIn(3)) b = inside[random.Below(inside.size())];
      const auto count_to = [&](absl::Time t) {
        return std::upper_bound(inside.begin(), inside.end(), t) - inside.begin();
      };
      ASSERT_EQ(recurrence.CountBetween(a, b), std::max<int64_t>(count_to(b) - count_to(a), 0))
          << a << " .. " << b;
      const auto next = std::upper_bound(inside.begin(), inside.end(), a);
      if (next != inside.end()) {
        ASSERT_EQ(recurrence.NextAfter(a), *next) << a;
      }
      if (next != inside.begin()) {
        ASSERT_EQ(recurrence.LastAtOrBefore(a), *(next - 1)) << a;
      }
    }
  }
  std::cout << specs << " specs, " << compared << " due times compared; " << refused
            << " specs never come due\n";
  EXPECT_GT(specs, 300);
  EXPECT_GT(compared, 10'000);
}

}  // namespace
}  // namespace z4j::scheduler
