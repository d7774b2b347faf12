#include <gmock/gmock.h>

#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/testing/planner_fixture.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// --- Outages ----------------------------------------------------------------------------------

TEST_F(PlannerTest, DropsAllMissedOnesInOneRowUnderSkip) {
  policy_.catch_up = CatchUp::kSkip;
  outages_ = {{At(0), At(300)}};
  EXPECT_THAT(Rows(PlanAt(At(301))), ElementsAre("fire 0", "dropped 60..240 x4", "fire 300"));
}

TEST_F(PlannerTest, FiresOnceWhenFourRunsWereMissedUnderFireOne) {
  outages_ = {{At(0), At(300)}};
  EXPECT_THAT(Rows(PlanAt(At(301))),
              ElementsAre("fire 0", "dropped 60..180 x3", "catch-up 240", "fire 300"));
}

TEST_F(PlannerTest, WritesNoDroppedRowWhenTheOnlyMissedOneIsCaughtUp) {
  outages_ = {{At(50), At(110)}};
  EXPECT_THAT(Rows(PlanAt(At(110))), ElementsAre("fire 0", "catch-up 60"));
}

TEST_F(PlannerTest, FiresAllMissedOnesOldestFirstUnderFireAll) {
  policy_.catch_up = CatchUp::kFireAll;
  outages_ = {{At(0), At(300)}};
  EXPECT_THAT(Rows(PlanAt(At(301))), ElementsAre("fire 0", "catch-up 60", "catch-up 120",
                                                 "catch-up 180", "catch-up 240", "fire 300"));
}

TEST_F(PlannerTest, FiresTheNewestUpToTheCapUnderFireAll) {
  policy_.catch_up = CatchUp::kFireAll;
  policy_.catch_up_max = 2;
  outages_ = {{At(0), At(300)}};
  EXPECT_THAT(Rows(PlanAt(At(301))), ElementsAre("fire 0", "dropped 60..120 x2", "catch-up 180",
                                                 "catch-up 240", "fire 300"));
}

TEST_F(PlannerTest, CatchesUpOnlyWithinTheWindowBothEndsIncluded) {
  policy_.catch_up = CatchUp::kFireAll;
  outages_ = {{At(0), At(300)}};
  policy_.catch_up_window = absl::Seconds(120);
  EXPECT_THAT(Rows(PlanAt(At(301))), ElementsAre("fire 0", "dropped 60..120 x2", "catch-up 180",
                                                 "catch-up 240", "fire 300"));
  policy_.catch_up_window = absl::Seconds(120) - absl::Microseconds(1);
  EXPECT_THAT(Rows(PlanAt(At(301))),
              ElementsAre("fire 0", "dropped 60..180 x3", "catch-up 240", "fire 300"));
}

TEST_F(PlannerTest, FireOneDropsAllWhenTheNewestIsOutsideTheWindow) {
  outages_ = {{At(0), At(300)}};
  policy_.catch_up_window = absl::Seconds(60) - absl::Microseconds(1);
  EXPECT_THAT(Rows(PlanAt(At(301))), ElementsAre("fire 0", "dropped 60..240 x4", "fire 300"));
  policy_.catch_up_window = absl::Seconds(60);
  EXPECT_THAT(Rows(PlanAt(At(301))),
              ElementsAre("fire 0", "dropped 60..180 x3", "catch-up 240", "fire 300"));
}

TEST_F(PlannerTest, IsOnTimeUpToTheGraceBeforeTheOutageEnds) {
  policy_.catch_up = CatchUp::kSkip;
  outages_ = {{At(0), At(60) + kOnTimeGrace}};
  EXPECT_THAT(Rows(PlanAt(At(100))), ElementsAre("fire 0", "fire 60"));
  outages_[0].to += absl::Microseconds(1);
  EXPECT_THAT(Rows(PlanAt(At(100))), ElementsAre("fire 0", "dropped 60..60 x1"));
}

TEST_F(PlannerTest, ADueTimeAtTheInstantTheLastLeaderWasLiveIsNotMissed) {
  policy_.catch_up = CatchUp::kSkip;
  outages_ = {{At(60), At(150)}};
  EXPECT_THAT(Rows(PlanAt(At(150))), ElementsAre("fire 0", "fire 60", "fire 120"));
  outages_[0].from -= absl::Microseconds(1);
  EXPECT_THAT(Rows(PlanAt(At(150))), ElementsAre("fire 0", "dropped 60..60 x1", "fire 120"));
}

TEST_F(PlannerTest, AFireStillWithinItsJitterWhenTheOutageEndsIsNotMissed) {
  policy_.catch_up = CatchUp::kSkip;
  policy_.jitter = absl::Seconds(45);
  outages_ = {{At(0), At(60) + kOnTimeGrace + policy_.jitter}};
  EXPECT_THAT(Rows(PlanAt(outages_[0].to)), testing::Contains("fire 60"));
  outages_[0].to += absl::Microseconds(1);
  EXPECT_THAT(Rows(PlanAt(outages_[0].to)), testing::Contains("dropped 60..60 x1"));
}

TEST_F(PlannerTest, CountsAYearOfMissedSecondsWithoutWalkingThroughIt) {
  const EveryPeriod every_second(kStart, absl::Seconds(1));
  outages_ = {{At(0), At(366 * 86'400)}};
  const Plan plan =
      PlanFires(kId, every_second, policy_, cursor_, outages_, open_, outages_[0].to, kNoLimit);
  EXPECT_THAT(plan.fires, SizeIs(1 + 1 + 1 + 31));  // On time, dropped, caught up, grace.
  EXPECT_EQ(plan.fires[1].count, 366 * 86'400 - 32);
  EXPECT_LT(every_second.calls, 100);
}

TEST_F(PlannerTest, JudgesEachOutageForItselfAndTheTimeBetweenIsLate) {
  outages_ = {{At(30), At(300)}, {At(450), At(700)}};
  EXPECT_THAT(Rows(PlanAt(At(720))),
              ElementsAre("fire 0", "dropped 60..180 x3", "catch-up 240", "fire 300", "fire 360",
                          "fire 420", "dropped 480..600 x3", "catch-up 660", "fire 720"));
}

TEST_F(PlannerTest, JudgesTheRestOfAnOutageAsIfThePlanBeforeHadGoneOn) {
  policy_.catch_up = CatchUp::kFireAll;
  policy_.catch_up_max = 3;
  outages_ = {{At(30), At(600)}};
  const std::vector<Fire> rows = PlanAt(At(620)).fires;
  Plan first = PlanAt(At(620), 3);
  cursor_ = first.cursor;
  AddOutage(outages_, At(640), At(1000));
  const Plan rest = PlanAt(At(620));
  first.fires.insert(first.fires.end(), rest.fires.begin(), rest.fires.end());
  EXPECT_EQ(first.fires, rows);
}

// --- Overlap ----------------------------------------------------------------------------------

TEST_F(PlannerTest, SkipsWhileARunIsOpenInOneRowUnderOverlapSkip) {
  policy_.overlap = Overlap::kSkip;
  open_.running = 1;
  const Plan plan = PlanAt(At(200));
  EXPECT_THAT(Rows(plan), ElementsAre("overlap 0..180 x4"));
  EXPECT_EQ(plan.cursor, (Cursor{At(180), 0}));
}

TEST_F(PlannerTest, AFireOfThePlanItselfIsAnOpenRun) {
  policy_.overlap = Overlap::kSkip;
  EXPECT_THAT(Rows(PlanAt(At(200))), ElementsAre("fire 0", "overlap 60..180 x3"));
}

TEST_F(PlannerTest, HoldsOneBackUnderBufferOneAndSkipsFurtherOnes) {
  policy_.overlap = Overlap::kBufferOne;
  EXPECT_THAT(Rows(PlanAt(At(200))),
              ElementsAre("fire 0", "fire 60 buffered", "overlap 120..180 x2"));
  open_ = {.running = 0, .buffered = 1};
  EXPECT_THAT(Rows(PlanAt(At(0))), ElementsAre("overlap 0..0 x1"));
}

TEST_F(PlannerTest, OverlapDoesNotSwallowWhatTheCatchUpPolicyDrops) {
  policy_.overlap = Overlap::kSkip;
  open_.running = 1;
  outages_ = {{At(90), At(300)}};
  EXPECT_THAT(Rows(PlanAt(At(400))),
              ElementsAre("overlap 0..60 x2", "dropped 120..180 x2", "overlap 240..360 x3"));
}

TEST_F(PlannerTest, OverlapDoesNotReachIntoTheNextOutage) {
  policy_.catch_up = CatchUp::kSkip;
  policy_.overlap = Overlap::kSkip;
  open_.running = 1;
  outages_ = {{At(90), At(200)}, {At(290), At(400)}};
  EXPECT_THAT(Rows(PlanAt(At(420))),
              ElementsAre("overlap 0..60 x2", "dropped 120..120 x1", "overlap 180..240 x2",
                          "dropped 300..360 x2", "overlap 420..420 x1"));
}

TEST_F(PlannerTest, SkipsAYearOfSecondsUnderOverlapWithoutWalkingThroughIt) {
  const EveryPeriod every_second(kStart, absl::Seconds(1));
  policy_.overlap = Overlap::kSkip;
  open_.running = 1;
  const Plan plan = PlanFires(kId, every_second, policy_, cursor_, {}, open_, At(366 * 86'400), 1);
  EXPECT_THAT(Rows(plan), ElementsAre("overlap 0..31622400 x31622401"));
  EXPECT_LT(every_second.calls, 20);
}

}  // namespace
}  // namespace z4j::scheduler
