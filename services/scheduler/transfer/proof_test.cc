#include "services/scheduler/transfer/proof.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<absl::Time> Times(const std::vector<std::string>& texts) {
  std::vector<absl::Time> times;
  for (const std::string& text : texts) times.push_back(Utc(text));
  return times;
}

// The rule that is said to be behind the first difference; empty if there is none.
std::string RuleOf(const std::vector<Schedule>& schedules, const char* after,
                   const std::vector<std::string>& fires, int wanted) {
  const auto proof = Prove(schedules, Utc(after), Times(fires), wanted);
  EXPECT_OK(proof);
  return proof->is_identical() ? "" : proof->differ[0].rule;
}

TEST(ProofTest, EqualFiresAreIdentical) {
  const auto proof = Prove({CronIn("UTC", "0 5 * * *")}, Utc("2026-01-01 00:00:00"),
                           Times({"2026-01-01 05:00:00", "2026-01-02 05:00:00"}), 2);
  ASSERT_OK(proof);
  EXPECT_TRUE(proof->is_identical());
  EXPECT_EQ(proof->compared, 2);
}

TEST(ProofTest, NamesTheFirstInstantThatDiffersOnBothSides) {
  const auto proof =
      Prove({CronIn("UTC", "0 5 * * *")}, Utc("2026-01-01 00:00:00"),
            Times({"2026-01-01 05:00:00", "2026-01-02 06:00:00", "2026-01-03 08:00:00"}), 3);
  ASSERT_OK(proof);
  ASSERT_THAT(proof->differ, SizeIs(1));
  EXPECT_EQ(proof->differ[0].index, 1);
  EXPECT_EQ(proof->differ[0].there, Utc("2026-01-02 06:00:00"));
  EXPECT_EQ(proof->differ[0].here, Utc("2026-01-02 05:00:00"));
  EXPECT_EQ(proof->apart_max, absl::Hours(3));
}

TEST(ProofTest, ASourceThatEndsMustEndHereToo) {
  Schedule twice = CronIn("UTC", "0 5 * * *");
  const std::vector<std::string> fires = {"2026-01-01 05:00:00", "2026-01-02 05:00:00"};
  EXPECT_THAT(RuleOf({twice}, "2026-01-01 00:00:00", fires, 10),
              HasSubstr("it ends there, and not here"));
  twice.max_fires = 2;
  EXPECT_THAT(RuleOf({twice}, "2026-01-01 00:00:00", fires, 10), IsEmpty());
  twice.max_fires = 1;
  EXPECT_THAT(RuleOf({twice}, "2026-01-01 00:00:00", fires, 10),
              HasSubstr("it ends here, and not there: max_fires 1"));
}

TEST(ProofTest, TheLastDayOfTheCalendarIsLeftOut) {
  const std::vector<std::string> until_utc = {"2198-12-31 23:00:00", "2199-12-31 23:00:00"};
  EXPECT_THAT(RuleOf({CronIn("Europe/Berlin", "0 0 1 1 *")}, "2198-06-01 00:00:00", until_utc, 10),
              IsEmpty());
  EXPECT_THAT(RuleOf({CronIn("America/New_York", "0 20 31 12 *")}, "2198-06-01 00:00:00",
                     {"2199-01-01 01:00:00"}, 10),
              IsEmpty());
}

TEST(ProofTest, WhatTheLibraryDoesNotKnowIsLeftOut) {
  const std::vector<Schedule> yearly = {CronIn("UTC", "0 0 1 1 *")};
  const absl::Time after = Utc("2097-06-01 00:00:00"), ends = Utc("2099-12-30 00:00:00");
  const auto known =
      Prove(yearly, after, Times({"2098-01-01 00:00:00", "2099-01-01 00:00:00"}), 10, ends);
  ASSERT_OK(known);
  EXPECT_TRUE(known->is_identical());
  EXPECT_EQ(known->compared, 2);
  const auto ended = Prove(yearly, after, Times({"2098-01-01 00:00:00"}), 10, ends);
  ASSERT_OK(ended);
  EXPECT_FALSE(ended->is_identical());
}

TEST(ProofTest, StartAndEndAreRespected) {
  Schedule schedule = CronIn("UTC", "0 5 * * *");
  schedule.start_at = Utc("2026-01-02 05:00:00");
  schedule.end_at = Utc("2026-01-03 05:00:00");
  EXPECT_THAT(
      RuleOf({schedule}, "2026-01-01 00:00:00", {"2026-01-02 05:00:00", "2026-01-03 05:00:00"}, 10),
      IsEmpty());
}

TEST(ProofTest, OfAGroupTheUnionCountsAndEachInstantOnce) {
  const auto fires = NextFires(
      {CronIn("UTC", "0 5,6 * * *"), CronIn("UTC", "30 4 * * *"), CronIn("UTC", "0 6 * * *")},
      Utc("2026-01-01 00:00:00"), 4);
  ASSERT_OK(fires);
  EXPECT_THAT(*fires, ElementsAre(Utc("2026-01-01 04:30:00"), Utc("2026-01-01 05:00:00"),
                                  Utc("2026-01-01 06:00:00"), Utc("2026-01-02 04:30:00")));
}

TEST(ProofTest, AGapNamesThePolicyAndTheChange) {
  EXPECT_THAT(RuleOf({CronIn("Europe/Berlin", "30 2 * * *")}, "2026-03-28 12:00:00",
                     {"2026-03-29 01:30:00"}, 1),
              AllOf(HasSubstr("a gap: clocks go forward at 2026-03-29 02:00 in Europe/Berlin"),
                    HasSubstr("gap NEXT_VALID here")));
}

TEST(ProofTest, AFoldNamesThePolicyAndTheChange) {
  EXPECT_THAT(
      RuleOf({CronIn("Europe/Berlin", "30 2 * * *")}, "2026-10-24 12:00:00",
             {"2026-10-25 01:30:00"}, 1),
      AllOf(HasSubstr("a fold: clocks go back at 2026-10-25 03:00"), HasSubstr("fold AUTO")));
}

TEST(ProofTest, BothDayFieldsAreNamed) {
  Schedule schedule = CronIn("UTC", "");
  CronSpec cron;
  cron.minute = "0";
  cron.hour = "0";
  cron.day_of_month = "13";
  cron.day_of_week = "5";
  cron.day_match = DayMatch::kAnd;
  schedule.spec = cron;
  EXPECT_EQ(RuleOf({schedule}, "2026-01-01 00:00:00", {"2026-01-02 00:00:00"}, 1),
            "day of month with day of week (day_match AND here)");
}

TEST(ProofTest, AnotherZoneIsTold) {
  Schedule schedule = CronIn("UTC", "");
  CronSpec cron;
  cron.minute = "0";
  cron.hour = "5";
  schedule.spec = cron;
  EXPECT_THAT(RuleOf({schedule}, "2026-01-01 00:00:00", {"2026-01-01 04:00:00"}, 1),
              HasSubstr("the time zone or its rules"));
}

TEST(ProofTest, AnIntervalsGridIsNamed) {
  const Schedule schedule =
      IntervalOf(absl::Minutes(5), Utc("2026-01-01 00:00:00"), Arithmetic::kAbsolute, "UTC");
  EXPECT_EQ(RuleOf({schedule}, "2026-01-01 00:00:00", {"2026-01-01 00:05:17"}, 1),
            "where the interval's grid starts");
}

TEST(ProofTest, InstantsAreShownInBothClocks) {
  EXPECT_EQ(LocalAndUtc(Utc("2026-03-29 01:30:00"), "Europe/Berlin"),
            "2026-03-29 03:30:00 +02:00 (01:30:00 UTC)");
  EXPECT_EQ(LocalAndUtc(Utc("2026-03-29 23:30:00"), "Europe/Berlin"),
            "2026-03-30 01:30:00 +02:00 (2026-03-29 23:30:00 UTC)");
  EXPECT_EQ(LocalAndUtc(absl::InfiniteFuture(), "UTC"), "no further fire");
}

TEST(ProofTest, TheNextChangesOfAZoneAreTheInstantsAtWhichItsOffsetChanges) {
  EXPECT_THAT(NextChanges("Europe/Berlin", Utc("2026-01-01 00:00:00"), 2),
              ElementsAre(Utc("2026-03-29 01:00:00"), Utc("2026-10-25 01:00:00")));
  EXPECT_THAT(NextChanges("UTC", Utc("2026-01-01 00:00:00"), 2), IsEmpty());
}

TEST(ProofTest, WhatFollowsTheClockIsProvedFromShortlyBeforeItsNextTwoChanges) {
  Schedule schedule;
  CronSpec cron;
  cron.expression = "0 5 * * *";
  schedule.spec = cron;
  schedule.time_zone = "Europe/Berlin";
  const absl::Time now = Utc("2026-01-01 00:00:00");
  EXPECT_THAT(ProofsAtChanges(schedule, now, now),
              ElementsAre(Utc("2026-03-28 23:55:00"), Utc("2026-10-24 23:55:00")));
  EXPECT_THAT(ProofsAtChanges(schedule, now, Utc("2026-05-01 00:00:00")),
              ElementsAre(Utc("2026-10-24 23:55:00")));
  EXPECT_THAT(ProofsAtChanges(schedule, now, absl::InfiniteFuture()), IsEmpty());
  const absl::Time close = Utc("2026-03-29 00:30:00");  // It cannot be asked about the past.
  EXPECT_THAT(ProofsAtChanges(schedule, close, close),
              ElementsAre(close, Utc("2026-10-24 23:55:00")));
}

TEST(ProofTest, WhatNoClockMovesOrHasFewerFiresLeftByThenIsProvedFromNowAlone) {
  Schedule schedule;
  schedule.time_zone = "Europe/Berlin";
  const absl::Time now = Utc("2026-01-01 00:00:00");
  for (const Spec& spec :
       {Spec(IntervalSpec{absl::Hours(1), now}), Spec(OneShotSpec{now}), Spec(SolarSpec{})}) {
    schedule.spec = spec;
    EXPECT_THAT(ProofsAtChanges(schedule, now, now), IsEmpty());
  }
  schedule.spec = IntervalSpec{absl::Hours(24), now, Arithmetic::kWall};
  EXPECT_THAT(ProofsAtChanges(schedule, now, now), SizeIs(2));
  schedule.max_fires = 3;
  EXPECT_THAT(ProofsAtChanges(schedule, now, now), IsEmpty());
}

TEST(ProofTest, BothSpellingsOfATzdataReleaseAreOne) {
  EXPECT_EQ(TzdataRelease("2026.5"), "2026e");
  EXPECT_EQ(TzdataRelease("2026e"), "2026e");
  EXPECT_EQ(TzdataRelease("unknown"), "unknown");
}

}  // namespace
}  // namespace z4j::scheduler
