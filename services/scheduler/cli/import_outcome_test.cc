#include <gmock/gmock.h>

#include "services/scheduler/cli/import_report.h"

namespace z4j::scheduler {
namespace {

// One daily schedule that is to be created.
ImportOutcome OneCreate() {
  ImportOutcome outcome;
  ReadSchedule found;
  found.definition.schedule.name = "a";
  CronSpec cron;
  cron.expression = "0 5 * * *";
  found.definition.schedule.spec = cron;
  found.definition.schedule.source.emplace();
  outcome.reading.schedules.push_back(found);
  PlannedSchedule plan;
  plan.definition = 0;
  outcome.plans.push_back(plan);
  outcome.is_proved = true;
  outcome.tzdata = outcome.stored.tzdata = outcome.reading.source.tzdata = "2026e";
  return outcome;
}

int ExitOf(const ImportOutcome& outcome) { return ExitCodeOf(TotalsOf(outcome)); }

TEST(ImportOutcomeTest, AllExactIsSuccessAlsoWhereNothingCouldBeProved) {
  const ImportOutcome outcome = OneCreate();
  EXPECT_EQ(ExitOf(outcome), kExitOk);
  EXPECT_EQ(TotalsOf(outcome).unproved, 1);
}

TEST(ImportOutcomeTest, SeveralSchedulesWithTheSameSetOfFiresAreSuccess) {
  ImportOutcome outcome = OneCreate();
  outcome.reading.schedules[0].definition.exactness = Exactness::kEqualSet;
  EXPECT_EQ(ExitOf(outcome), kExitOk);
}

TEST(ImportOutcomeTest, WhatIsInexactRefusedDifferentOrInConflictIsNot) {
  ImportOutcome inexact = OneCreate(), refused = OneCreate(), different = OneCreate(),
                conflict = OneCreate();
  inexact.reading.schedules[0].definition.exactness = Exactness::kApproximate;
  EXPECT_EQ(ExitOf(inexact), 1);
  refused.reading.refusals.push_back({"x", "R1_OPAQUE", "code", "", ""});
  EXPECT_EQ(ExitOf(refused), 1);
  different.reading.schedules[0].proof.emplace().differ.emplace_back();
  EXPECT_EQ(ExitOf(different), 1);
  conflict.plans[0].action = ImportAction::kConflict;
  EXPECT_EQ(ExitOf(conflict), 1);
}

TEST(ImportOutcomeTest, WhatCouldNotBeWrittenHasACodeOfItsOwn) {
  ImportOutcome outcome = OneCreate();
  outcome.is_applied = true;
  outcome.written.push_back({true, absl::AbortedError("someone was faster"), {}});
  EXPECT_EQ(ExitOf(outcome), kExitPartial);
  EXPECT_EQ(TotalsOf(outcome).failed, 1);
}

TEST(ImportOutcomeTest, AGroupIsProvedOnce) {
  ImportOutcome outcome = OneCreate();
  outcome.reading.schedules.push_back(outcome.reading.schedules[0]);
  outcome.reading.schedules[0].proof.emplace().compared = 100;
  outcome.reading.schedules[1].leads = false;
  outcome.plans.push_back(outcome.plans[0]);
  outcome.plans[1].definition = 1;
  const ImportTotals totals = TotalsOf(outcome);
  EXPECT_EQ(totals.proved, 1);
  EXPECT_EQ(totals.unproved, 0);
  EXPECT_EQ(totals.fires_compared, 100);
}

TEST(ImportOutcomeTest, DifferentTimeZoneDataIsAWarningForEachSide) {
  ImportOutcome outcome = OneCreate();
  EXPECT_TRUE(TzdataNotes(outcome).empty());
  outcome.reading.source.tzdata = "2025.2";
  ASSERT_EQ(TzdataNotes(outcome).size(), 1);
  EXPECT_THAT(TzdataNotes(outcome)[0].message, ::testing::HasSubstr("2025b"));
  outcome.stored.tzdata = "2024a";
  EXPECT_EQ(TzdataNotes(outcome).size(), 2);
}

TEST(ImportOutcomeTest, ASourceThatTellsItsRulesIsComparedZoneByZoneAndNotByRelease) {
  ImportOutcome outcome = OneCreate();
  outcome.reading.source.tzdata = "2025.2";
  const absl::Time from = absl::FromUnixSeconds(1'800'000'000), until = from + absl::Hours(24);
  outcome.reading.zones = {{"UTC", {{{from, absl::ZeroDuration()}}, until}}};
  EXPECT_TRUE(TzdataNotes(outcome).empty());
  (*outcome.reading.zones)["Europe/Berlin"] = {{{from, absl::Hours(3)}}, until};
  ASSERT_EQ(TzdataNotes(outcome).size(), 1);
  EXPECT_EQ(TzdataNotes(outcome)[0].code, "ZONE_RULES");
  EXPECT_THAT(TzdataNotes(outcome)[0].message, ::testing::HasSubstr("Europe/Berlin"));
}

}  // namespace
}  // namespace z4j::scheduler
