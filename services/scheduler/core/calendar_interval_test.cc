#include "services/scheduler/core/calendar_interval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/preview.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Schedule Every(CalendarIntervalSpec spec, absl::string_view zone = "UTC") {
  Schedule schedule;
  schedule.spec = spec;
  schedule.time_zone = std::string(zone);
  return schedule;
}

TEST(CalendarIntervalTest, MonthsWithoutTheDayAreLeftOutAndMoveNothing) {
  const Schedule schedule = Every({.months = 1, .start_date = absl::CivilDay(2025, 1, 31)});
  EXPECT_THAT(Next(schedule, "2025-01-01 00:00:00", 6),
              ElementsAre("2025-01-31 00:00", "2025-03-31 00:00", "2025-05-31 00:00",
                          "2025-07-31 00:00", "2025-08-31 00:00", "2025-10-31 00:00"));
  const auto recurrence = *CompileRecurrence(schedule);
  EXPECT_EQ(recurrence->LastAtOrBefore(Utc("2025-03-30 23:59:59")), Utc("2025-01-31 00:00:00"));
  EXPECT_EQ(recurrence->LastAtOrBefore(Utc("2025-01-30 00:00:00")), absl::InfinitePast());
  EXPECT_EQ(recurrence->CountBetween(Utc("2025-01-31 00:00:00"), Utc("2026-01-31 00:00:00")), 7);
}

TEST(CalendarIntervalTest, TheLeapDayComesWithEachLeapYear) {
  const Schedule schedule =
      Every({.years = 1, .at_second = 9 * 3600, .start_date = absl::CivilDay(2024, 2, 29)});
  EXPECT_THAT(Next(schedule, "2024-03-01 00:00:00", 2),
              ElementsAre("2028-02-29 09:00", "2032-02-29 09:00"));
  // 2100 has none.
  EXPECT_THAT(Next(schedule, "2096-03-01 00:00:00", 1), ElementsAre("2104-02-29 09:00"));
}

TEST(CalendarIntervalTest, WeeksAndDaysAreEvenlySpaced) {
  EXPECT_THAT(Next(Every({.weeks = 2, .days = 1, .start_date = absl::CivilDay(2025, 12, 20)}),
                   "2025-12-20 00:00:00", 3),
              ElementsAre("2026-01-04 00:00", "2026-01-19 00:00", "2026-02-03 00:00"));
}

TEST(CalendarIntervalTest, MonthsWithDaysGoOnFromTheDateBefore) {
  // 31 January, February and its days lack a 31st: 31 March and a day, then a month and a day more.
  EXPECT_THAT(Next(Every({.months = 1, .days = 1, .start_date = absl::CivilDay(2025, 1, 31)}),
                   "2025-01-01 00:00:00", 5),
              ElementsAre("2025-01-31 00:00", "2025-04-01 00:00", "2025-05-02 00:00",
                          "2025-06-03 00:00", "2025-07-04 00:00"));
}

TEST(CalendarIntervalTest, KeepsItsWallTimeAndFollowsTheGapPolicy) {
  Schedule schedule = Every(
      {.days = 1, .at_second = 9000, .start_date = absl::CivilDay(2025, 3, 8)}, "America/New_York");
  EXPECT_THAT(Next(schedule, "2025-03-08 00:00:00", 3),
              ElementsAre("2025-03-08 07:30", "2025-03-09 07:00", "2025-03-10 06:30"));
  schedule.gap = GapPolicy::kShift;
  EXPECT_THAT(Next(schedule, "2025-03-09 00:00:00", 1), ElementsAre("2025-03-09 07:30"));
  schedule.gap = GapPolicy::kSkip;  // As APScheduler does.
  EXPECT_THAT(Next(schedule, "2025-03-08 00:00:00", 2),
              ElementsAre("2025-03-08 07:30", "2025-03-10 06:30"));
  EXPECT_EQ((*CompileRecurrence(schedule))
                ->CountBetween(Utc("2025-03-08 07:30:00"), Utc("2025-03-11 06:30:00")),
            2);
}

TEST(CalendarIntervalTest, TakesTheFirstOfARepeatedTimeUnlessToldOtherwise) {
  Schedule schedule =
      Every({.weeks = 1, .at_second = 5400, .start_date = absl::CivilDay(2025, 11, 2)},
            "America/New_York");
  EXPECT_THAT(Next(schedule, "2025-11-01 00:00:00", 2),
              ElementsAre("2025-11-02 05:30", "2025-11-09 06:30"));
  schedule.fold = FoldPolicy::kBoth;
  EXPECT_THAT(Next(schedule, "2025-11-01 00:00:00", 2),
              ElementsAre("2025-11-02 05:30", "2025-11-02 06:30"));
}

TEST(CalendarIntervalTest, EndsWithTheCalendar) {
  EXPECT_THAT(Next(Every({.years = 100, .start_date = absl::CivilDay(2026, 5, 1)}),
                   "2026-01-01 00:00:00", 5),
              ElementsAre("2026-05-01 00:00", "2126-05-01 00:00"));
  const auto monthly =
      *CompileRecurrence(Every({.months = 1, .start_date = absl::CivilDay(1970, 1, 1)}));
  EXPECT_EQ(monthly->CountBetween(absl::InfinitePast(), absl::InfiniteFuture()), 230 * 12);
}

TEST(CalendarIntervalTest, PreviewSaysWhatDstDoes) {
  const Schedule schedule =
      Every({.months = 1, .at_second = 9000, .start_date = absl::CivilDay(2025, 2, 9)},
            "America/New_York");
  const auto fires = *PreviewFires(schedule, {}, Utc("2025-02-10 00:00:00"), 1);
  ASSERT_EQ(fires.size(), 1);
  EXPECT_EQ(fires[0].local_time, "2025-03-09T03:00:00-04:00");
  EXPECT_THAT(fires[0].note, HasSubstr("02:30 does not exist on this day"));
}

TEST(CalendarIntervalTest, WhatTellsTwoApartIsInTheirKeys) {
  const CalendarIntervalSpec base = {1, 2, 3, 4, 5, absl::CivilDay(2026, 1, 2)};
  const std::function<void(CalendarIntervalSpec&)> changes[] = {
      [](auto& s) { ++s.years; }, [](auto& s) { ++s.months; },    [](auto& s) { ++s.weeks; },
      [](auto& s) { ++s.days; },  [](auto& s) { ++s.at_second; }, [](auto& s) { ++s.start_date; }};
  for (const auto& change : changes) {
    CalendarIntervalSpec other = base;
    change(other);
    EXPECT_NE(RecurrenceKey(Every(other)), RecurrenceKey(Every(base)));
  }
  EXPECT_NE(RecurrenceKey(Every(base, "Europe/Berlin")), RecurrenceKey(Every(base)));
  EXPECT_EQ(RecurrenceKey(Every(base)), RecurrenceKey(Every(base)));
}

TEST(CalendarIntervalTest, RefusesWhatIsOutOfBoundsByItsField) {
  const auto fields_of = [](CalendarIntervalSpec spec) {
    std::vector<std::string> fields;
    for (const auto& v : FieldViolationsOf(CompileRecurrence(Every(spec)).status())) {
      fields.push_back(v.field.substr(std::string("spec.calendar_interval").size()));
    }
    return fields;
  };
  const absl::CivilDay date(2026, 1, 1);
  EXPECT_THAT(fields_of({.start_date = date}), ElementsAre(""));
  EXPECT_THAT(fields_of({.months = -1, .days = 1, .start_date = date}), ElementsAre(".months"));
  EXPECT_THAT(fields_of({.years = 201, .weeks = 10'001, .start_date = date}),
              ElementsAre(".years", ".weeks"));
  EXPECT_THAT(fields_of({.months = 2401, .days = 100'001, .start_date = date}),
              ElementsAre(".months", ".days"));
  EXPECT_THAT(fields_of({.days = 1, .at_second = 86'400, .start_date = date}),
              ElementsAre(".at_second"));
  EXPECT_THAT(fields_of({.days = 1, .start_date = absl::CivilDay(2200, 1, 1)}),
              ElementsAre(".start_date"));
  EXPECT_THAT(fields_of({.days = 1, .start_date = absl::CivilDay(1969, 12, 31)}),
              ElementsAre(".start_date"));
  EXPECT_THAT(fields_of({.days = 1, .start_date = date}), IsEmpty());
}

TEST(CalendarIntervalTest, RefusesOneWhoseOnlyDateTheGapPolicyDrops) {
  Schedule schedule =
      Every({.years = 200, .at_second = 9000, .start_date = absl::CivilDay(2025, 3, 9)},
            "America/New_York");
  ASSERT_OK(CompileRecurrence(schedule));
  schedule.gap = GapPolicy::kSkip;
  EXPECT_THAT(CompileRecurrence(schedule),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("never comes due")));
}

}  // namespace
}  // namespace z4j::scheduler
