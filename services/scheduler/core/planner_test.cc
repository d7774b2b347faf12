#include "services/scheduler/core/planner.h"

#include <gmock/gmock.h>

#include <set>

#include "services/scheduler/core/testing/planner_fixture.h"

namespace z4j::scheduler {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(PlannerTest, FiresAtTheDueTimeAndNotAMicrosecondEarlier) {
  EXPECT_THAT(Rows(PlanAt(kStart - absl::Microseconds(1))), IsEmpty());
  EXPECT_EQ(PlanAt(kStart - absl::Microseconds(1)).next_wake, kStart);
  EXPECT_THAT(Rows(PlanAt(kStart)), ElementsAre("fire 0"));
  EXPECT_EQ(PlanAt(kStart).next_wake, At(60));
  EXPECT_EQ(PlanAt(kStart).cursor, (Cursor{kStart, 1}));
}

TEST_F(PlannerTest, FillsARowInFull) {
  const Plan plan = PlanAt(At(7));
  ASSERT_THAT(plan.fires, SizeIs(1));
  Fire want;
  want.key = {kId, kStart, {}};
  want.id = MakeFireId(want.key);
  want.state = FireState::kPending;
  want.dispatch_after = kStart;
  want.decided_at = At(7);
  want.first_due_at = kStart;
  EXPECT_EQ(plan.fires[0], want);
}

TEST_F(PlannerTest, PlansTheSameRowsFromTheSameInputs) {
  outages_ = {{At(30), At(400)}};
  EXPECT_EQ(PlanAt(At(900)).fires, PlanAt(At(900)).fires);
}

TEST_F(PlannerTest, DecidesNothingTwiceOnceTheCursorMoved) {
  cursor_ = PlanAt(At(200)).cursor;
  EXPECT_THAT(Rows(PlanAt(At(200))), IsEmpty());
}

TEST_F(PlannerTest, DecidesNothingWhenTheWallClockJumpsBack) {
  cursor_ = PlanAt(At(7200)).cursor;
  const Plan plan = PlanAt(At(3600));
  EXPECT_THAT(Rows(plan), IsEmpty());
  EXPECT_EQ(plan.cursor, cursor_);
  EXPECT_EQ(plan.next_wake, At(7260));
}

TEST_F(PlannerTest, FiresTenThousandLateOnesUnderSkipWhenALeaderWasLive) {
  policy_.catch_up = CatchUp::kSkip;
  const Plan plan = PlanAt(At(60 * 9'999));
  EXPECT_THAT(plan.fires, SizeIs(10'000));
  EXPECT_THAT(plan.fires, Each(Field(&Fire::state, FireState::kPending)));
  EXPECT_THAT(plan.fires, Each(Field(&Fire::kind, FireKind::kScheduled)));
}

TEST_F(PlannerTest, FiresInstantsWithMicrosecondsExactlyOnce) {
  const absl::Time due = kStart + absl::Microseconds(123'457);
  const AtTimes once({due});
  const auto plan_at = [&](const Cursor& cursor, absl::Time now) {
    return PlanFires(kId, once, policy_, cursor, {}, {}, now, kNoLimit);
  };
  EXPECT_THAT(plan_at(cursor_, due - absl::Microseconds(1)).fires, IsEmpty());
  const Plan plan = plan_at(cursor_, due);
  ASSERT_THAT(plan.fires, SizeIs(1));
  EXPECT_EQ(plan.fires[0].key.due_at, due);
  EXPECT_TRUE(plan.finished);
  EXPECT_THAT(plan_at(plan.cursor, At(10)).fires, IsEmpty());
}

// --- Bounds -----------------------------------------------------------------------------------

TEST_F(PlannerTest, FiresFromStartAtToEndAtBothIncluded) {
  policy_.start_at = At(60);
  policy_.end_at = At(180);
  EXPECT_EQ(NextWake(kId, every_minute_, policy_, cursor_), At(60));
  EXPECT_THAT(Rows(PlanAt(At(170))), ElementsAre("fire 60", "fire 120"));
  EXPECT_FALSE(PlanAt(At(170)).finished);
  const Plan plan = PlanAt(At(500));
  EXPECT_THAT(Rows(plan), ElementsAre("fire 60", "fire 120", "fire 180"));
  EXPECT_TRUE(plan.finished);
  EXPECT_EQ(plan.next_wake, absl::InfiniteFuture());
}

TEST_F(PlannerTest, FinishesAsSoonAsNothingCanFollowBeforeEndAt) {
  policy_.end_at = At(119);
  EXPECT_TRUE(PlanAt(At(60)).finished);
}

TEST_F(PlannerTest, FinishesAfterMaxFires) {
  policy_.max_fires = 3;
  cursor_.fires = 1;
  const Plan plan = PlanAt(At(500));
  EXPECT_THAT(Rows(plan), ElementsAre("fire 0", "fire 60"));
  EXPECT_TRUE(plan.finished);
  EXPECT_EQ(plan.cursor, (Cursor{At(60), 3}));
  EXPECT_EQ(NextWake(kId, every_minute_, policy_, plan.cursor), absl::InfiniteFuture());
}

TEST_F(PlannerTest, SkippedTimesDoNotCountTowardsMaxFires) {
  policy_.max_fires = 2;
  policy_.catch_up = CatchUp::kSkip;
  outages_ = {{At(0), At(300)}};
  EXPECT_THAT(Rows(PlanAt(At(500))), ElementsAre("fire 0", "dropped 60..240 x4", "fire 300"));
}

TEST_F(PlannerTest, GoesOnWhereTheLimitCutIt) {
  const Plan first = PlanAt(At(300), 2);
  EXPECT_THAT(Rows(first), ElementsAre("fire 0", "fire 60"));
  EXPECT_EQ(first.next_wake, At(120));
  EXPECT_FALSE(first.finished);
  cursor_ = first.cursor;
  EXPECT_THAT(Rows(PlanAt(At(300), 2)), ElementsAre("fire 120", "fire 180"));
}

// --- Jitter -----------------------------------------------------------------------------------

TEST_F(PlannerTest, JitterDelaysDispatchWithinItsBoundAndTheDueTimeStays) {
  policy_.jitter = absl::Seconds(40);
  const absl::Duration delay = JitterOf(kId, kStart, policy_);
  EXPECT_GE(delay, absl::ZeroDuration());
  EXPECT_LE(delay, policy_.jitter);
  EXPECT_EQ(NextWake(kId, every_minute_, policy_, cursor_), kStart + delay);
  EXPECT_THAT(Rows(PlanAt(kStart + delay - absl::Microseconds(1))), IsEmpty());
  const Plan plan = PlanAt(kStart + delay);
  ASSERT_THAT(Rows(plan), ElementsAre("fire 0"));
  EXPECT_EQ(plan.fires[0].dispatch_after, kStart + delay);
}

TEST_F(PlannerTest, AFireWaitsForTheOneBeforeIt) {
  policy_.jitter = absl::Minutes(10);
  int64_t slow = 0;  // A due time whose successor would come before it.
  while (JitterOf(kId, At(slow), policy_) <=
         absl::Minutes(1) + JitterOf(kId, At(slow + 60), policy_)) {
    slow += 60;
  }
  cursor_.watermark = At(slow - 1);
  const absl::Time come = At(slow) + JitterOf(kId, At(slow), policy_);
  EXPECT_THAT(Rows(PlanAt(come - absl::Microseconds(1))), IsEmpty());
  EXPECT_GE(PlanAt(come).fires.size(), 2);
}

TEST(JitterTest, RandomDrawsForEachDueTimeAndHashOncePerSchedule) {
  PlanPolicy policy;
  policy.jitter = absl::Hours(1);
  std::set<absl::Duration> random, hash, ids;
  for (int i = 0; i < 100; ++i) {
    policy.jitter_mode = JitterMode::kRandom;
    random.insert(JitterOf(kId, At(i), policy));
    policy.jitter_mode = JitterMode::kHash;
    hash.insert(JitterOf(kId, At(i), policy));
    ids.insert(JitterOf({Uuid::FromName({}, absl::StrCat(i))}, At(0), policy));
  }
  EXPECT_THAT(random, SizeIs(100));
  EXPECT_THAT(hash, SizeIs(1));
  EXPECT_THAT(ids, SizeIs(100));
}

TEST(JitterTest, IsTheSameInEveryReleaseForAGivenFire) {
  PlanPolicy policy;
  policy.jitter = absl::Hours(1);
  EXPECT_EQ(JitterOf(kId, kStart, policy), absl::Microseconds(1162244878));
  policy.jitter_mode = JitterMode::kHash;
  EXPECT_EQ(JitterOf(kId, kStart, policy), absl::Microseconds(3063685833));
}

// --- Where a cursor begins, and gaps ------------------------------------------------------------

TEST(InitialCursorTest, AOneShotInThePastFiresOnceAtOnce) {
  Schedule schedule;
  schedule.created_at = At(1000);
  schedule.spec = OneShotSpec{At(10)};
  const Cursor cursor = InitialCursor(schedule);
  const Plan plan =
      PlanFires(kId, AtTimes({At(10)}), PolicyOf(schedule), cursor, {}, {}, At(1000), kNoLimit);
  EXPECT_THAT(Rows(plan), ElementsAre("fire 10"));
  EXPECT_TRUE(plan.finished);
}

TEST(InitialCursorTest, EverythingElseBeginsAtItsCreation) {
  Schedule schedule;
  schedule.created_at = At(1000);
  schedule.spec = IntervalSpec{absl::Minutes(1), At(0)};
  EXPECT_EQ(InitialCursor(schedule), (Cursor{At(1000), 0}));
  schedule.spec = OneShotSpec{At(2000)};
  EXPECT_EQ(InitialCursor(schedule), (Cursor{At(1000), 0}));
}

TEST_F(PlannerTest, AGapIsOneRowWithACount) {
  policy_.start_at = At(60);
  policy_.end_at = At(240);
  const auto gap = [&](absl::Time until) {
    return PlanGap(kId, every_minute_, policy_, cursor_, until, FireReason::kPaused, At(999));
  };
  EXPECT_THAT(gap(At(59)), IsEmpty());
  ASSERT_THAT(Rows(gap(At(60))), ElementsAre("skipped 60..60 x1"));
  const Fire row = gap(At(900))[0];
  EXPECT_EQ(RowText(row), "skipped 60..240 x4");
  EXPECT_EQ(row.reason, FireReason::kPaused);
  EXPECT_EQ(row.id, MakeFireId({kId, At(240), {}}));
  EXPECT_EQ(row.decided_at, At(999));
  policy_.max_fires = cursor_.fires = 5;
  EXPECT_THAT(gap(At(900)), IsEmpty());
}

}  // namespace
}  // namespace z4j::scheduler
