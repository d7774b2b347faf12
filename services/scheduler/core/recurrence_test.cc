#include "services/scheduler/core/recurrence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CronTest, IsStrictlyAfterAlsoWithinASecond) {
  const Schedule daily = CronIn("UTC", "0 3 * * *");
  EXPECT_THAT(Next(daily, "2026-01-01 02:59:59.999999", 1), ElementsAre("2026-01-01 03:00"));
  EXPECT_THAT(Next(daily, "2026-01-01 03:00:00", 1), ElementsAre("2026-01-02 03:00"));
  EXPECT_THAT(Next(daily, "2026-01-01 03:00:00.000001", 1), ElementsAre("2026-01-02 03:00"));
}

TEST(CronTest, SixFieldsBeginWithTheSecond) {
  EXPECT_THAT(Next(CronIn("UTC", "*/20 59 23 31 12 *"), "2026-06-01 00:00:00", 4),
              ElementsAre("2026-12-31 23:59", "2026-12-31 23:59:20", "2026-12-31 23:59:40",
                          "2027-12-31 23:59"));
}

TEST(CronTest, AMicrosecondIsPartOfEveryDueTime) {
  Schedule schedule = CronIn("America/New_York", "30 2 * * *");
  CronSpec& cron = std::get<CronSpec>(schedule.spec);
  cron.microsecond = 123'456;
  EXPECT_THAT(Next(schedule, "2025-03-08 07:30:00.123455", 3),
              ElementsAre("2025-03-08 07:30:00.123456", "2025-03-09 07:00:00.123456",
                          "2025-03-10 06:30:00.123456"));
  const auto recurrence = *CompileRecurrence(schedule);
  const absl::Time due = Utc("2025-03-10 06:30:00.123456");
  EXPECT_EQ(recurrence->NextAfter(due), due + absl::Hours(24));
  EXPECT_EQ(recurrence->LastAtOrBefore(due), due);
  EXPECT_EQ(recurrence->LastAtOrBefore(due - absl::Microseconds(1)),
            Utc("2025-03-09 07:00:00.123456"));
  EXPECT_EQ(recurrence->CountBetween(due - absl::Microseconds(1), due), 1);
  EXPECT_EQ(recurrence->CountBetween(due, due + absl::Hours(24) - absl::Microseconds(1)), 0);
  const std::string key = RecurrenceKey(schedule);
  cron.microsecond = 0;
  EXPECT_NE(RecurrenceKey(schedule), key);
  for (const int bad : {-1, 1'000'000}) {
    cron.microsecond = bad;
    EXPECT_EQ(FieldViolationsOf(CompileRecurrence(schedule).status()).at(0).field,
              "spec.cron.microsecond");
  }
}

TEST(CronTest, LeapDayComesEveryFourthYearButNotIn2100) {
  const Schedule leap_day = CronIn("UTC", "0 0 29 2 *");
  EXPECT_THAT(Next(leap_day, "2026-01-01 00:00:00", 2),
              ElementsAre("2028-02-29 00:00", "2032-02-29 00:00"));
  EXPECT_THAT(Next(leap_day, "2096-02-29 00:00:00", 1), ElementsAre("2104-02-29 00:00"));
}

TEST(CronTest, DayThirtyOneSkipsShortMonths) {
  EXPECT_THAT(Next(CronIn("UTC", "0 0 31 * *"), "2026-01-31 00:00:00", 3),
              ElementsAre("2026-03-31 00:00", "2026-05-31 00:00", "2026-07-31 00:00"));
}

TEST(CronTest, LastDayAndDaysBeforeIt) {
  EXPECT_THAT(Next(CronIn("UTC", "0 0 L * *"), "2027-12-31 00:00:00", 3),
              ElementsAre("2028-01-31 00:00", "2028-02-29 00:00", "2028-03-31 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 L-3 2 *"), "2026-01-01 00:00:00", 3),
              ElementsAre("2026-02-25 00:00", "2027-02-25 00:00", "2028-02-26 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 L-30 * *"), "2026-01-01 00:00:00", 2),
              ElementsAre("2026-03-01 00:00", "2026-05-01 00:00"));
}

TEST(CronTest, NearestWeekdayStaysInItsMonth) {
  EXPECT_THAT(
      Next(CronIn("UTC", "0 0 15W * *"), "2025-06-01 00:00:00", 4),
      ElementsAre("2025-06-16 00:00", "2025-07-15 00:00", "2025-08-15 00:00", "2025-09-15 00:00"));
  // 2026-08-01 is a Saturday, 2026-05-31 a Sunday.
  EXPECT_THAT(Next(CronIn("UTC", "0 0 1W 8 *"), "2026-01-01 00:00:00", 1),
              ElementsAre("2026-08-03 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 31W 5 *"), "2026-01-01 00:00:00", 1),
              ElementsAre("2026-05-29 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 LW * *"), "2026-01-01 00:00:00", 3),
              ElementsAre("2026-01-30 00:00", "2026-02-27 00:00", "2026-03-31 00:00"));
}

TEST(CronTest, NthAndLastWeekdayOfTheMonth) {
  EXPECT_THAT(Next(CronIn("UTC", "0 0 * * 5#2"), "2026-01-01 00:00:00", 2),
              ElementsAre("2026-01-09 00:00", "2026-02-13 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 * * mon#5"), "2026-01-01 00:00:00", 2),
              ElementsAre("2026-03-30 00:00", "2026-06-29 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 * * 5L"), "2026-01-01 00:00:00", 2),
              ElementsAre("2026-01-30 00:00", "2026-02-27 00:00"));
}

TEST(CronTest, FridayTheThirteenthDependsOnDayMatch) {
  EXPECT_THAT(
      Next(CronIn("UTC", "0 0 13 * 5", {.day_match = DayMatch::kAnd}), "2026-01-01 00:00:00", 3),
      ElementsAre("2026-02-13 00:00", "2026-03-13 00:00", "2026-11-13 00:00"));
  EXPECT_THAT(
      Next(CronIn("UTC", "0 0 13 * 5"), "2026-01-01 00:00:00", 4),
      ElementsAre("2026-01-02 00:00", "2026-01-09 00:00", "2026-01-13 00:00", "2026-01-16 00:00"));
  EXPECT_THAT(Next(CronIn("UTC", "0 0 */2 * 1"), "2025-06-01 00:00:00", 5),
              ElementsAre("2025-06-02 00:00", "2025-06-03 00:00", "2025-06-05 00:00",
                          "2025-06-07 00:00", "2025-06-09 00:00"));
}

TEST(CronTest, YearAndIsoWeekNarrowDown) {
  Schedule schedule = CronIn("UTC", "");
  CronSpec cron;
  cron.minute = "0";
  cron.hour = "0";
  cron.day_of_week = "1";
  cron.iso_week = "1,53";
  schedule.spec = cron;
  // 2026 has 53 weeks; week 1 of 2026 begins in 2025.
  EXPECT_THAT(
      Next(schedule, "2025-06-01 00:00:00", 4),
      ElementsAre("2025-12-29 00:00", "2026-12-28 00:00", "2027-01-04 00:00", "2028-01-03 00:00"));
  cron.year = "2026";
  schedule.spec = cron;
  EXPECT_THAT(Next(schedule, "2025-06-01 00:00:00", 4), ElementsAre("2026-12-28 00:00"));
}

TEST(CronTest, EndsWithTheCalendar) {
  EXPECT_THAT(Next(CronIn("UTC", "0 0 1 1 *"), "2198-06-01 00:00:00", 3),
              ElementsAre("2199-01-01 00:00"));
}

TEST(CronTest, HasNoTimesBeyondTheEndsOfTheCalendarInAnyZone) {
  for (const char* zone : {"UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"}) {
    const auto recurrence = *CompileRecurrence(CronIn(zone, "0 12 * * *"));
    EXPECT_EQ(recurrence->NextAfter(absl::InfiniteFuture()), absl::InfiniteFuture());
    EXPECT_EQ(recurrence->LastAtOrBefore(absl::InfinitePast()), absl::InfinitePast());
    const absl::Time first = recurrence->NextAfter(absl::InfinitePast());
    const absl::Time last = recurrence->LastAtOrBefore(absl::InfiniteFuture());
    EXPECT_EQ(absl::FormatTime("%Y-%m", first, absl::UTCTimeZone()), "1970-01") << zone;
    EXPECT_EQ(absl::FormatTime("%Y-%m", last, absl::UTCTimeZone()), "2199-12") << zone;
    EXPECT_EQ(recurrence->NextAfter(last), absl::InfiniteFuture());
    EXPECT_EQ(recurrence->LastAtOrBefore(first - absl::Microseconds(1)), absl::InfinitePast());
    // 230 years with 56 leap days.  Kiritimati skipped one (1994-12-31), which then came due at its
    // end.
    EXPECT_EQ(recurrence->CountBetween(absl::InfinitePast(), absl::InfiniteFuture()),
              230 * 365 + 56)
        << zone;
  }
}

TEST(CronTest, RefusesWhatNeverComesDue) {
  for (const char* expression : {"0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *"}) {
    const auto result = CompileRecurrence(CronIn("UTC", expression));
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("never comes due")))
        << expression;
    EXPECT_EQ(FieldViolationsOf(result.status()).at(0).field, "spec.cron.expression");
  }
  // Only a DST gap would hold it.
  Schedule schedule = CronIn("Europe/Berlin", "", {.gap = GapPolicy::kSkip});
  CronSpec cron;
  cron.minute = "30";
  cron.hour = "2";
  cron.day_of_month = "29";
  cron.month = "3";
  cron.year = "2026";
  schedule.spec = cron;
  EXPECT_THAT(CompileRecurrence(schedule), StatusIs(absl::StatusCode::kInvalidArgument));
  schedule.gap = GapPolicy::kNextValid;
  EXPECT_OK(CompileRecurrence(schedule));
}

TEST(GapTest, EachPolicyDecidesForAWallTimeThatIsRemoved) {
  // New York goes from 02:00 EST to 03:00 EDT at 2026-03-08 07:00 UTC.
  const auto next = [](GapPolicy gap) {
    return Next(CronIn("America/New_York", "30 2 * * *", {.gap = gap}), "2026-03-07 12:00:00", 2);
  };
  EXPECT_THAT(next(GapPolicy::kNextValid), ElementsAre("2026-03-08 07:00", "2026-03-09 06:30"));
  EXPECT_THAT(next(GapPolicy::kShift), ElementsAre("2026-03-08 07:30", "2026-03-09 06:30"));
  EXPECT_THAT(next(GapPolicy::kSkip), ElementsAre("2026-03-09 06:30", "2026-03-10 06:30"));
}

TEST(GapTest, EqualInstantsAreOne) {
  for (const GapPolicy gap : {GapPolicy::kNextValid, GapPolicy::kShift, GapPolicy::kSkip}) {
    EXPECT_THAT(
        Next(CronIn("America/New_York", "0 2,3 * * *", {.gap = gap}), "2026-03-08 00:00:00", 2),
        ElementsAre("2026-03-08 07:00", "2026-03-09 06:00"));
  }
}

TEST(GapTest, ShiftedTimesMixWithOrdinaryOnes) {
  EXPECT_THAT(Next(CronIn("America/New_York", "15,45 2,3 * * *", {.gap = GapPolicy::kShift}),
                   "2026-03-08 00:00:00", 3),
              ElementsAre("2026-03-08 07:15", "2026-03-08 07:45", "2026-03-09 06:15"));
  EXPECT_THAT(Next(CronIn("America/New_York", "10 2 * * *", {.gap = GapPolicy::kShift}),
                   "2026-03-08 07:10:00", 1),
              ElementsAre("2026-03-09 06:10"));
}

TEST(FoldTest, EachPolicyDecidesForAWallTimeThatIsRepeated) {
  // New York goes from 02:00 EDT back to 01:00 EST at 2026-11-01 06:00 UTC.
  const auto next = [](FoldPolicy fold) {
    return Next(CronIn("America/New_York", "30 1 * * *", {.fold = fold}), "2026-11-01 00:00:00", 2);
  };
  EXPECT_THAT(next(FoldPolicy::kFirst), ElementsAre("2026-11-01 05:30", "2026-11-02 06:30"));
  EXPECT_THAT(next(FoldPolicy::kSecond), ElementsAre("2026-11-01 06:30", "2026-11-02 06:30"));
  EXPECT_THAT(next(FoldPolicy::kBoth), ElementsAre("2026-11-01 05:30", "2026-11-01 06:30"));
  EXPECT_THAT(next(FoldPolicy::kAuto), ElementsAre("2026-11-01 05:30", "2026-11-02 06:30"));
}

TEST(FoldTest, AutoRunsOpenHoursInBothPasses) {
  for (const char* hour : {"*", "*/1", "0-23", "1-23/2"}) {
    EXPECT_THAT(Next(CronIn("America/New_York", absl::StrCat("30 ", hour, " * * *")),
                     "2026-11-01 05:00:00", 2),
                ElementsAre("2026-11-01 05:30", "2026-11-01 06:30"))
        << hour;
  }
  EXPECT_THAT(Next(CronIn("America/New_York", "30 0-12 * * *"), "2026-11-01 05:00:00", 2),
              ElementsAre("2026-11-01 05:30", "2026-11-01 07:30"));
}

TEST(FoldTest, NothingIsDueTwiceAtTheSeam) {
  EXPECT_THAT(Next(CronIn("America/New_York", "0 * * * *"), "2026-11-01 03:59:00", 5),
              ElementsAre("2026-11-01 04:00", "2026-11-01 05:00", "2026-11-01 06:00",
                          "2026-11-01 07:00", "2026-11-01 08:00"));
}

TEST(ZoneRecurrenceTest, LordHoweMovesByHalfAnHour) {
  // +10:30 to +11:00 at 2026-10-03 15:30 UTC, 02:00 wall time; back on 2026-04-04 15:00 UTC.
  const auto gap = [](GapPolicy policy) {
    return Next(CronIn("Australia/Lord_Howe", "15 2 * * *", {.gap = policy}), "2026-10-03 00:00:00",
                1);
  };
  EXPECT_THAT(gap(GapPolicy::kNextValid), ElementsAre("2026-10-03 15:30"));
  EXPECT_THAT(gap(GapPolicy::kShift), ElementsAre("2026-10-03 15:45"));
  EXPECT_THAT(gap(GapPolicy::kSkip), ElementsAre("2026-10-04 15:15"));
  EXPECT_THAT(Next(CronIn("Australia/Lord_Howe", "*/15 * * * *"), "2026-04-04 14:29:00", 5),
              ElementsAre("2026-04-04 14:30", "2026-04-04 14:45", "2026-04-04 15:00",
                          "2026-04-04 15:15", "2026-04-04 15:30"));
}

TEST(ZoneRecurrenceTest, ApiaSkippedADay) {
  // 2011-12-30 did not happen: 2011-12-29 24:00 was 2011-12-31 00:00, at 10:00 UTC.
  const auto next = [](GapPolicy gap) {
    return Next(CronIn("Pacific/Apia", "0 9 * * *", {.gap = gap}), "2011-12-29 00:00:00", 3);
  };
  EXPECT_THAT(next(GapPolicy::kNextValid),
              ElementsAre("2011-12-29 19:00", "2011-12-30 10:00", "2011-12-30 19:00"));
  EXPECT_THAT(next(GapPolicy::kShift),
              ElementsAre("2011-12-29 19:00", "2011-12-30 19:00", "2011-12-31 19:00"));
  EXPECT_THAT(next(GapPolicy::kSkip),
              ElementsAre("2011-12-29 19:00", "2011-12-30 19:00", "2011-12-31 19:00"));
}

TEST(ZoneRecurrenceTest, DublinsNegativeDstIsAChangeLikeAnyOther) {
  EXPECT_THAT(Next(CronIn("Europe/Dublin", "30 1 * * *"), "2026-03-28 12:00:00", 2),
              ElementsAre("2026-03-29 01:00", "2026-03-30 00:30"));
  EXPECT_THAT(Next(CronIn("Europe/Dublin", "30 1 * * *", {.fold = FoldPolicy::kBoth}),
                   "2026-10-24 12:00:00", 2),
              ElementsAre("2026-10-25 00:30", "2026-10-25 01:30"));
}

TEST(ZoneRecurrenceTest, LiberiasOffsetHadSeconds) {
  // -00:44:30 until 1972-01-07.
  EXPECT_THAT(Next(CronIn("Africa/Monrovia", "0 12 * * *"), "1971-06-01 00:00:00", 1),
              ElementsAre("1971-06-01 12:44:30"));
}

TEST(ZoneRecurrenceTest, DstRulesGoOnTo2199) {
  EXPECT_THAT(Next(CronIn("Europe/Berlin", "0 12 1 1,7 *"), "2198-12-01 00:00:00", 2),
              ElementsAre("2199-01-01 11:00", "2199-07-01 10:00"));
}

TEST(ZoneRecurrenceTest, RefusesNamesThatMeanNothingElsewhere) {
  for (const char* name :
       {"", "Mars/Olympus", "/usr/share/zoneinfo/UTC", "localtime", "libc:UTC", "../zoneinfo/UTC",
        "right/UTC", "Europe", "Fixed/UTC+01:00:00", "tzdata.zi"}) {
    const auto result = CompileRecurrence(CronIn(name, "* * * * *"));
    ASSERT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument)) << name;
    EXPECT_EQ(FieldViolationsOf(result.status()).at(0).field, "time_zone");
  }
  EXPECT_OK(CompileRecurrence(CronIn("Etc/GMT+5", "* * * * *")));
  EXPECT_OK(CompileRecurrence(CronIn("America/Port-au-Prince", "* * * * *")));
}

TEST(RecurrenceKeyTest, DiffersExactlyWhereTheRecurrenceMay) {
  const Schedule a = CronIn("UTC", "0 3 * * *");
  Schedule renamed = a;
  renamed.name = "other";
  renamed.created_at = Utc("2026-01-01 00:00:00");
  EXPECT_EQ(RecurrenceKey(a), RecurrenceKey(renamed));
  EXPECT_NE(RecurrenceKey(a), RecurrenceKey(CronIn("Etc/UTC", "0 3 * * *")));
  EXPECT_NE(RecurrenceKey(a), RecurrenceKey(CronIn("UTC", "0 4 * * *")));
  EXPECT_NE(RecurrenceKey(a), RecurrenceKey(CronIn("UTC", "0 3 * * *", {.gap = GapPolicy::kSkip})));
  EXPECT_NE(RecurrenceKey(a),
            RecurrenceKey(CronIn("UTC", "0 3 * * *", {.fold = FoldPolicy::kBoth})));
  Schedule hourly = IntervalOf(absl::Hours(1), absl::InfinitePast(), Arithmetic::kAbsolute);
  Schedule later = hourly;
  later.created_at = Utc("2026-01-01 00:00:00");
  EXPECT_NE(RecurrenceKey(hourly), RecurrenceKey(later));
}

TEST(TzdataVersionTest, IsAYearAndALetterOnThisSystem) {
  EXPECT_THAT(TzdataVersion(), testing::MatchesRegex("[0-9]+[a-z]+"));
}

}  // namespace
}  // namespace z4j::scheduler
