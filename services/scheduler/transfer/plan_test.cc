#include "services/scheduler/transfer/plan.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/scheduler/transfer/digest.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

SourceInfo Celery() { return {.kind = "celery", .version = "5.7.0", .locator = "proj:app"}; }

Definition Found(const std::string& name, absl::Duration period = absl::Minutes(5)) {
  Definition found;
  Schedule& schedule = found.schedule;
  schedule.project = "default";
  schedule.name = name;
  schedule.engine = "celery";
  schedule.task = "proj.task";
  schedule.spec = IntervalSpec{period, kNow};
  schedule.source = ImportSource{"celery", "5.7.0", "proj:app", name, "", "", ""};
  return found;
}

// With its digest, as a reader gives it.
Definition Read(Definition found) {
  found.schedule.source->digest = DefinitionDigest(found.schedule);
  return found;
}

// As an import of `found` leaves it here.
Schedule Imported(const Definition& found) {
  Schedule stored = Read(found).schedule;
  stored.created_at = kNow;
  return stored;
}

std::vector<PlannedSchedule> Plan(const std::vector<Definition>& found,
                                  const std::vector<Schedule>& stored,
                                  const ImportPolicy& policy = {},
                                  const std::vector<Refusal>& refusals = {}) {
  std::vector<Definition> read;
  for (const Definition& definition : found) read.push_back(Read(definition));
  std::vector<const Definition*> definitions;
  for (const Definition& definition : read) definitions.push_back(&definition);
  return PlanImport(Celery(), definitions, refusals, stored, policy, kNow);
}

// "a create", …
std::vector<std::string> Actions(const std::vector<Definition>& found,
                                 const std::vector<Schedule>& stored,
                                 const ImportPolicy& policy = {},
                                 const std::vector<Refusal>& refusals = {}) {
  std::vector<std::string> lines;
  for (const PlannedSchedule& plan : Plan(found, stored, policy, refusals)) {
    const Schedule& schedule =
        plan.definition >= 0 ? found[plan.definition].schedule : stored[plan.stored];
    lines.push_back(schedule.name + " " + Name(plan.action));
  }
  return lines;
}

TEST(PlanTest, CreatesWhatIsNotHere) {
  EXPECT_THAT(Actions({Found("a"), Found("b")}, {}), ElementsAre("a create", "b create"));
}

TEST(PlanTest, ASecondRunHasNothingToDo) {
  EXPECT_THAT(Actions({Found("a")}, {Imported(Found("a"))}), ElementsAre("a unchanged"));
}

TEST(PlanTest, AScheduleThatWasResumedAndLabelledHereIsUnchanged) {
  Definition found = Found("a");
  found.schedule.state = ScheduleState::kPaused;
  Schedule stored = Imported(found);
  stored.state = ScheduleState::kEnabled;
  stored.labels["team"] = "billing";
  const auto plans = Plan({found}, {stored});
  EXPECT_EQ(plans[0].action, ImportAction::kUnchanged);
  ASSERT_EQ(plans[0].notes.size(), 1);
  EXPECT_EQ(plans[0].notes[0].code, "STATE_DIFFERS");
}

TEST(PlanTest, UpdatesWhatChangedInTheSourceAlone) {
  EXPECT_THAT(Actions({Found("a", absl::Minutes(6))}, {Imported(Found("a"))}),
              ElementsAre("a update"));
}

TEST(PlanTest, ALabelThatIsMissingHereIsAnUpdateThatKeepsTheOthers) {
  Definition found = Found("a");
  found.schedule.labels["from"] = "celery";
  Schedule stored = Imported(Found("a"));
  stored.labels["team"] = "billing";
  EXPECT_THAT(Actions({found}, {stored}), ElementsAre("a update"));
  EXPECT_THAT(MergedSchedule(found.schedule, stored, false).labels,
              ElementsAre(std::pair("from", "celery"), std::pair("team", "billing")));
}

TEST(PlanTest, WhatWasEditedHereIsAConflictAndKept) {
  Schedule edited = Imported(Found("a"));
  edited.queue = "slow";
  const auto plans = Plan({Found("a")}, {edited});
  EXPECT_EQ(plans[0].action, ImportAction::kConflict);
  EXPECT_EQ(plans[0].why, "edited here since the import");
  EXPECT_THAT(Plan({Found("a", absl::Minutes(6))}, {edited})[0].why,
              HasSubstr("and changed there"));
  EXPECT_THAT(Actions({Found("a")}, {edited}, {.overwrite = true}), ElementsAre("a update"));
}

TEST(PlanTest, AnEditHereThatTheSourceMadeAsWellIsNoConflict) {
  Schedule edited = Imported(Found("a"));
  std::get<IntervalSpec>(edited.spec).period = absl::Minutes(6);
  EXPECT_THAT(Actions({Found("a", absl::Minutes(6))}, {edited}), ElementsAre("a update"));
}

TEST(PlanTest, ANameThatBelongsToSomethingElseIsAConflict) {
  Schedule made_here = Found("a").schedule;
  made_here.source.reset();
  EXPECT_THAT(Plan({Found("a")}, {made_here})[0].why, HasSubstr("was made here"));
  Schedule from_elsewhere = Imported(Found("a"));
  from_elsewhere.source->locator = "other:app";
  const auto plans = Plan({Found("a")}, {from_elsewhere});
  EXPECT_EQ(plans[0].action, ImportAction::kConflict);
  EXPECT_THAT(plans[0].why, HasSubstr("imported from celery other:app"));
}

TEST(PlanTest, ASourceThatCountsFromItsLastRunDoesNotMoveTheGridHere) {
  Definition moved = Found("a");
  std::get<IntervalSpec>(moved.schedule.spec).anchor = kNow + absl::Seconds(17);
  const Schedule stored = Imported(Found("a"));
  const auto plans = Plan({moved}, {stored});
  EXPECT_EQ(plans[0].action, ImportAction::kUnchanged);
  EXPECT_EQ(plans[0].notes[0].code, "GRID_KEPT");
  EXPECT_THAT(Actions({moved}, {stored}, {.overwrite = true}), ElementsAre("a update"));
  const auto anchor = [](const Schedule& s) { return std::get<IntervalSpec>(s.spec).anchor; };
  EXPECT_EQ(anchor(MergedSchedule(moved.schedule, stored, false)), kNow);
  EXPECT_EQ(anchor(MergedSchedule(moved.schedule, stored, true)), kNow + absl::Seconds(17));
}

TEST(PlanTest, WhatTheSourceNoLongerHasIsGone) {
  EXPECT_THAT(Actions({Found("a")}, {Imported(Found("a")), Imported(Found("b"))}),
              ElementsAre("a unchanged", "b gone"));
}

TEST(PlanTest, NothingOfAnotherSourceIsGone) {
  Schedule other = Imported(Found("b"));
  other.source->locator = "other:app";
  Schedule made_here = Found("c").schedule;
  made_here.source.reset();
  EXPECT_THAT(Actions({}, {other, made_here}), IsEmpty());
}

TEST(PlanTest, WhatIsRefusedOrFinishedThereIsNotGone) {
  Definition finished = Found("b");
  finished.finished = true;
  EXPECT_THAT(Actions({finished}, {Imported(Found("a")), Imported(Found("b"))}, {},
                      {{"a", "R1_OPAQUE", "its schedule is code", "", "a"}}),
              ElementsAre("b finished"));
}

TEST(PlanTest, WhatIsGoneThereAndEditedHereSaysSo) {
  Schedule edited = Imported(Found("a"));
  edited.queue = "slow";
  EXPECT_EQ(Plan({}, {edited})[0].why, "edited here since the import");
}

TEST(PlanTest, WhatHasRunOutIsNotCreated) {
  Definition done = Found("a");
  done.finished = true;
  EXPECT_THAT(Actions({done}, {}), ElementsAre("a finished"));
}

TEST(PlanTest, WhatCannotBeAScheduleHereIsRefusedWithItsFields) {
  Definition hasty = Found("a", absl::Milliseconds(500));
  const auto plans = Plan({hasty, Found("b")}, {});
  EXPECT_EQ(plans[0].action, ImportAction::kRefused);
  EXPECT_THAT(plans[0].why, HasSubstr("spec.interval.period: 500ms"));
  EXPECT_EQ(plans[1].action, ImportAction::kCreate);
}

TEST(PlanTest, WhatIsExactAndProbablyNotMeantIsToldOfWhatIsNew) {
  Definition every_minute = Found("a");
  CronSpec cron;
  cron.hour = "5";
  every_minute.schedule.spec = cron;
  const auto plans = Plan({every_minute}, {});
  ASSERT_FALSE(plans[0].notes.empty());
  EXPECT_EQ(plans[0].notes[0].code, "EVERY_MINUTE");
  EXPECT_THAT(plans[0].notes[0].message, HasSubstr("spec.cron.minute: "));
  EXPECT_THAT(Plan({every_minute}, {Imported(every_minute)})[0].notes, IsEmpty());
}

TEST(PlanTest, OfTwoDefinitionsWithOneIdTheSecondIsRefused) {
  EXPECT_THAT(Actions({Found("a"), Found("a")}, {}), ElementsAre("a create", "a refused"));
}

TEST(PlanTest, APatternLeavesEverythingElseAlone) {
  EXPECT_THAT(Actions({Found("report-a"), Found("b")},
                      {Imported(Found("report-c")), Imported(Found("d"))}, {.only = "report-*"}),
              ElementsAre("report-a create", "report-c gone"));
}

// As an export of this scheduler tells it.
std::vector<PlannedSchedule> PlanOwn(const Definition& found, const Schedule& stored) {
  const Definition read = Read(found);
  const Definition* definitions[] = {&read};
  return PlanImport({.kind = kOwnKind, .version = "1.0", .locator = "here"}, definitions, {},
                    {&stored, 1}, {}, kNow);
}

TEST(PlanTest, AnExportOfWhatIsHereChangesNothingWhereverItCameFrom) {
  Definition found = Found("a");
  Schedule stored = Imported(found);
  EXPECT_EQ(PlanOwn(found, stored)[0].action, ImportAction::kUnchanged);
  stored.source.reset();
  EXPECT_EQ(PlanOwn(found, stored)[0].action, ImportAction::kUnchanged);
  stored.task = "proj.other";
  EXPECT_EQ(PlanOwn(found, stored)[0].action, ImportAction::kConflict);
}

TEST(PlanTest, AGridThatBeginsAtTheCreationIsTheSameAsOneWithThatAnchor) {
  Definition found = Found("a");
  Schedule stored = Imported(found);
  std::get<IntervalSpec>(stored.spec).anchor = absl::InfinitePast();
  EXPECT_THAT(PlanOwn(found, stored)[0].notes, IsEmpty());
  stored.created_at += absl::Seconds(1);
  ASSERT_EQ(PlanOwn(found, stored)[0].notes.size(), 1);
  EXPECT_EQ(PlanOwn(found, stored)[0].notes[0].code, "GRID_KEPT");
  const Schedule merged = MergedSchedule(found.schedule, stored, /*overwrite=*/false);
  EXPECT_EQ(std::get<IntervalSpec>(merged.spec).anchor, stored.created_at);
}

TEST(PlanTest, HundredsInOneSecondAreTheImportsToKnow) {
  std::vector<Definition> found;
  for (int i = 0; i < 100; ++i) found.push_back(Found(absl::StrCat("s", i)));
  std::vector<const Definition*> definitions;
  for (const Definition& definition : found) definitions.push_back(&definition);
  const std::vector<PlannedSchedule> plans = Plan(found, {});
  const std::vector<Note> notes = NotesTogether(definitions, plans, kNow);
  ASSERT_EQ(notes.size(), 1);
  EXPECT_EQ(notes[0].code, "SAME_SECOND");
  EXPECT_THAT(
      NotesTogether(absl::MakeSpan(definitions).first(99), absl::MakeSpan(plans).first(99), kNow),
      IsEmpty());
  const std::vector<PlannedSchedule> unchanged(100, {ImportAction::kUnchanged, 0});
  EXPECT_THAT(NotesTogether(definitions, unchanged, kNow), IsEmpty());
}

}  // namespace
}  // namespace z4j::scheduler
