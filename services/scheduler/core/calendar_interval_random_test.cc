#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/zone.h"

// Random calendar intervals against an oracle that goes from date to date, as APScheduler's trigger
// is described, and asks Abseil for the instants.
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
                                  "Asia/Kolkata",
                                  "Antarctica/Troll",
                                  "America/St_Johns",
                                  "Africa/Cairo",
                                  "UTC+05:30",
                                  "UTC-03:00"};

const absl::CivilDay kEnd(2200, 1, 1);

bool Exists(absl::CivilMonth month, int day) {
  return absl::CivilMonth(absl::CivilDay(month) + (day - 1)) == month;
}

std::vector<absl::CivilDay> Dates(const CalendarIntervalSpec& spec) {
  std::vector<absl::CivilDay> dates;
  absl::CivilDay date = spec.start_date;
  while (date < kEnd) {
    dates.push_back(date);
    absl::CivilMonth month(date);
    do {
      month += 12 * spec.years + spec.months;
      if (month.year() >= kEnd.year()) return dates;
    } while (!Exists(month, date.day()));
    date = absl::CivilDay(month) + (date.day() - 1) + 7 * spec.weeks + spec.days;
  }
  return dates;
}

std::vector<absl::Time> Instants(const Schedule& schedule) {
  const auto& spec = std::get<CalendarIntervalSpec>(schedule.spec);
  const absl::TimeZone zone = ShownZone(schedule.time_zone);
  std::vector<absl::Time> times;
  for (const absl::CivilDay date : Dates(spec)) {
    const absl::TimeZone::TimeInfo info = zone.At(absl::CivilSecond(date) + spec.at_second);
    switch (info.kind) {
      case absl::TimeZone::TimeInfo::SKIPPED:
        if (schedule.gap == GapPolicy::kNextValid) times.push_back(info.trans);
        if (schedule.gap == GapPolicy::kShift) times.push_back(info.pre);
        break;
      case absl::TimeZone::TimeInfo::REPEATED:
        if (schedule.fold != FoldPolicy::kSecond) times.push_back(info.pre);
        if (schedule.fold >= FoldPolicy::kSecond) times.push_back(info.post);
        break;
      case absl::TimeZone::TimeInfo::UNIQUE:
        times.push_back(info.pre);
    }
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

class Draw {
 public:
  explicit Draw(uint32_t seed) : random_(seed) {}

  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool OneIn(int n) { return Between(1, n) == 1; }

  Schedule Make() {
    CalendarIntervalSpec spec;
    const int kinds = static_cast<int>(Between(1, 15));  // A bit for each of the four.
    if (kinds & 1) spec.years = static_cast<int>(OneIn(8) ? Between(0, 200) : Between(0, 4));
    if (kinds & 2) spec.months = static_cast<int>(OneIn(8) ? Between(0, 2400) : Between(1, 14));
    if (kinds & 4) spec.weeks = static_cast<int>(Between(0, 6));
    if (kinds & 8) spec.days = static_cast<int>(OneIn(8) ? Between(0, 100'000) : Between(1, 40));
    // Around midnight and the hours that DST changes, as a rule.
    spec.at_second = static_cast<int>(OneIn(3) ? Between(0, 86'399) : Between(0, 12) * 900);
    spec.start_date = absl::CivilDay(1970, 1, 1) + Between(0, OneIn(2) ? 84'003 : 23'000);
    if (OneIn(3)) {  // The last days of months.
      spec.start_date = absl::CivilDay(absl::CivilMonth(spec.start_date) + 1) - Between(1, 3);
    }
    Schedule schedule;
    schedule.spec = spec;
    schedule.time_zone = kZones[Between(0, std::size(kZones) - 1)];
    schedule.gap = static_cast<GapPolicy>(Between(1, 3));
    schedule.fold = static_cast<FoldPolicy>(Between(0, 3));
    return schedule;
  }

 private:
  std::mt19937 random_;
};

TEST(RandomCalendarIntervalTest, NextLastAndCountAgreeWithWalkingFromDateToDate) {
  const char* given = std::getenv("Z4J_SEED");
  const uint32_t seed =
      given != nullptr ? std::strtoul(given, nullptr, 10) : std::random_device()();
  std::cout << "seed: Z4J_SEED=" << seed << std::endl;
  Draw draw(seed);
  int specs = 0, refused = 0;
  int64_t compared = 0;
  for (int round = 0; round < 500; ++round) {
    const Schedule schedule = draw.Make();
    SCOPED_TRACE(absl::StrCat("round ", round, ": ", RecurrenceKey(schedule)));
    const auto& spec = std::get<CalendarIntervalSpec>(schedule.spec);
    const auto compiled = CompileRecurrence(schedule);
    if (spec.years + spec.months + spec.weeks + spec.days == 0) {
      ASSERT_FALSE(compiled.ok());
      ++refused;
      continue;
    }
    const std::vector<absl::Time> all = Instants(schedule);
    ASSERT_EQ(compiled.ok(), !all.empty()) << compiled.status();
    if (!compiled.ok()) {
      ++refused;
      continue;
    }
    const Recurrence& recurrence = **compiled;
    ++specs;
    // Forward and backward over a stretch of a few hundred.
    const int64_t size = static_cast<int64_t>(all.size());
    const int64_t first = draw.Between(0, size - 1), last = std::min(size - 1, first + 400);
    absl::Time at = all[first] - absl::Microseconds(1);
    for (int64_t i = first; i <= last; ++i) {
      at = recurrence.NextAfter(at);
      ASSERT_EQ(at, all[i]);
    }
    for (int64_t i = last; i >= first; --i) {
      ASSERT_EQ(recurrence.LastAtOrBefore(at), all[i]);
      at = all[i] - absl::Microseconds(1);
    }
    compared += last - first + 1;
    ASSERT_EQ(recurrence.NextAfter(all.back()), absl::InfiniteFuture());
    ASSERT_EQ(recurrence.LastAtOrBefore(all.front() - absl::Microseconds(1)), absl::InfinitePast());
    ASSERT_EQ(recurrence.CountBetween(absl::InfinitePast(), absl::InfiniteFuture()), size);
    for (int i = 0; i < 20; ++i) {
      const auto any = [&] {
        return draw.OneIn(2) ? all[draw.Between(0, size - 1)]
                             : absl::FromUnixMicros(draw.Between(0, 7'258'118'400'000'000));
      };
      const absl::Time a = any(), b = any();
      const auto count_to = [&](absl::Time t) {
        return std::upper_bound(all.begin(), all.end(), t) - all.begin();
      };
      ASSERT_EQ(recurrence.CountBetween(a, b), std::max<int64_t>(count_to(b) - count_to(a), 0))
          << a << " .. " << b;
    }
  }
  std::cout << specs << " specs, " << compared << " due times compared; " << refused
            << " refused\n";
  EXPECT_GT(specs, 400);
}

}  // namespace
}  // namespace z4j::scheduler
