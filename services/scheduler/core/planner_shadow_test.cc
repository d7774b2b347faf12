#include <gmock/gmock.h>

#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/testing/planner_fixture.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PlannerShadowTest : public PlannerTest {
 protected:
  PlannerShadowTest() { policy_.shadow = true; }
};

TEST_F(PlannerShadowTest, EachDueTimeIsARowOfItsOwnThatIsSkippedAndKeepsItsIdentity) {
  EXPECT_THAT(Rows(PlanAt(At(120))),
              ElementsAre("shadow 0..0 x1", "shadow 60..60 x1", "shadow 120..120 x1"));
  const Plan plan = PlanAt(At(7));
  ASSERT_THAT(plan.fires, SizeIs(1));
  Fire want;
  want.key = {kId, kStart, {}};
  want.id = MakeFireId(want.key);
  want.state = FireState::kSkipped;
  want.reason = FireReason::kShadow;
  want.dispatch_after = kStart;
  want.decided_at = At(7);
  want.first_due_at = kStart;
  EXPECT_EQ(plan.fires[0], want);
}

TEST_F(PlannerShadowTest, ItUsesUpNoMaxFires) {
  policy_.max_fires = 2;
  const Plan plan = PlanAt(At(240));
  EXPECT_THAT(plan.fires, SizeIs(5));
  EXPECT_EQ(plan.cursor, (Cursor{At(240), 0}));
  EXPECT_FALSE(plan.finished);
}

TEST_F(PlannerShadowTest, JitterIsShownAndAwaitedAsIfItFired) {
  policy_.jitter = absl::Seconds(40);
  const absl::Duration delay = JitterOf(kId, kStart, policy_);
  EXPECT_THAT(Rows(PlanAt(kStart + delay - absl::Microseconds(1))), IsEmpty());
  const Plan plan = PlanAt(kStart + delay);
  ASSERT_THAT(Rows(plan), ElementsAre("shadow 0..0 x1"));
  EXPECT_EQ(plan.fires[0].dispatch_after, kStart + delay);
}

TEST_F(PlannerShadowTest, AfterAnOutageTheCatchUpPolicyDropsWhatItWouldNotFire) {
  policy_.catch_up = CatchUp::kFireOne;
  outages_ = {{At(30), At(400)}};
  const Plan plan = PlanAt(At(420));
  EXPECT_THAT(Rows(plan), ElementsAre("shadow 0..0 x1", "dropped 60..300 x5", "shadow 360..360 x1",
                                      "shadow 420..420 x1"));
  EXPECT_EQ(plan.fires[2].kind, FireKind::kCatchUp);
  EXPECT_EQ(plan.fires[3].kind, FireKind::kScheduled);
}

TEST_F(PlannerShadowTest, ItFinishesWithItsLastDueTime) {
  policy_.end_at = At(60);
  const Plan plan = PlanAt(At(60));
  EXPECT_THAT(Rows(plan), ElementsAre("shadow 0..0 x1", "shadow 60..60 x1"));
  EXPECT_TRUE(plan.finished);
}

TEST_F(PlannerShadowTest, APlanCutShortGoesOnWhereItStopped) {
  const Plan first = PlanAt(At(180), 2);
  EXPECT_THAT(Rows(first), ElementsAre("shadow 0..0 x1", "shadow 60..60 x1"));
  EXPECT_EQ(first.next_wake, At(120));
  cursor_ = first.cursor;
  EXPECT_THAT(Rows(PlanAt(At(180), 2)), ElementsAre("shadow 120..120 x1", "shadow 180..180 x1"));
}

TEST(ShadowPolicyTest, NothingRunsSoThatNothingOverlaps) {
  Schedule schedule;
  schedule.overlap = Overlap::kSkip;
  EXPECT_FALSE(PolicyOf(schedule).shadow);
  EXPECT_EQ(PolicyOf(schedule).overlap, Overlap::kSkip);
  schedule.state = ScheduleState::kShadow;
  EXPECT_TRUE(PolicyOf(schedule).shadow);
  EXPECT_EQ(PolicyOf(schedule).overlap, Overlap::kAllow);
}

}  // namespace
}  // namespace z4j::scheduler
