// Schedules in shadow: each due time is recorded, and none reaches an adapter.
#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/two_nodes.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ShadowLoopTest : public TwoNodes {
 protected:
  Schedule MakeShadow(int number) {
    Schedule schedule = world_.Make(number);
    schedule.state = ScheduleState::kShadow;
    return schedule;
  }
  // The minutes of the rows that were only recorded.
  std::vector<int> Seen(const Schedule& schedule) {
    std::vector<int> minutes;
    for (const Fire& fire : world_.Rows(schedule)) {
      if (fire.reason != FireReason::kShadow) continue;
      EXPECT_EQ(fire.state, FireState::kSkipped);
      EXPECT_EQ(fire.count, 1);
      minutes.push_back(static_cast<int>(absl::ToInt64Minutes(fire.key.due_at - start_)));
    }
    return minutes;
  }
  void Lead() {
    old_.Connect(link_);
    old_.elector.Grant(1);
    old_.Settle();
  }
};

TEST_F(ShadowLoopTest, EachDueTimeIsRecordedAndNoneHandedOver) {
  const Schedule schedule = MakeShadow(1), neighbour = world_.Make(2);
  world_.Insert({schedule, neighbour});
  Lead();
  Run(absl::Minutes(3));
  EXPECT_THAT(Seen(schedule), ElementsAre(1, 2, 3));
  EXPECT_THAT(Fired(neighbour), ElementsAre(1, 2, 3));
  EXPECT_THAT(old_.accepted, SizeIs(3));
}

TEST_F(ShadowLoopTest, ANewLeaderGoesOnRecordingAndHandsOverNothingEither) {
  Schedule schedule = MakeShadow(1);
  schedule.overlap = Overlap::kBufferOne;
  schedule.catch_up = CatchUp::kFireAll;
  world_.Insert({schedule});
  Lead();
  Run(absl::Seconds(150));
  old_.elector.Revoke();
  old_.Disconnect(link_);
  Run(absl::Minutes(3));  // Nobody leads.
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  Run(absl::Minutes(2));
  EXPECT_THAT(Seen(schedule), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(world_.Rows(schedule), SizeIs(7));
  EXPECT_THAT(next_.accepted, IsEmpty());
}

TEST_F(ShadowLoopTest, WhatAnOutageMissedIsJudgedByTheCatchUpPolicy) {
  const Schedule schedule = MakeShadow(1);  // FIRE_ONE.
  world_.Insert({schedule});
  Lead();
  Run(absl::Seconds(90));
  old_.elector.Revoke();
  Run(absl::Minutes(5));
  old_.elector.Grant(2);
  Run(absl::Seconds(60));
  EXPECT_THAT(Seen(schedule), ElementsAre(1, 6, 7));
  EXPECT_EQ(Missed(schedule), 4);
}

TEST_F(ShadowLoopTest, FromTheInstantOfTakingOverItFiresAndBeforeNever) {
  Schedule schedule = MakeShadow(1);
  world_.Insert({schedule});
  Lead();
  Run(absl::Seconds(150));
  schedule.state = ScheduleState::kEnabled;
  world_.Update(schedule, world_.clock.Now());
  Run(absl::Seconds(90));
  EXPECT_THAT(Seen(schedule), ElementsAre(1, 2));
  EXPECT_THAT(Fired(schedule), ElementsAre(3, 4));
  schedule.state = ScheduleState::kShadow;
  world_.Update(schedule, world_.clock.Now());
  Run(absl::Minutes(2));
  EXPECT_THAT(Seen(schedule), ElementsAre(1, 2, 5, 6));
  EXPECT_THAT(old_.accepted, SizeIs(2));
}

TEST_F(ShadowLoopTest, AResumeBetweenPlanAndCommitIsNotOverlooked) {
  Schedule schedule = MakeShadow(1);
  world_.Insert({schedule});
  Lead();
  Run(absl::Seconds(59));
  bool resumed = false;
  world_.store.set_on_commit([&](const FireBatch& batch) {
    if (std::exchange(resumed, true)) return absl::OkStatus();
    EXPECT_EQ(batch.fires.front().reason, FireReason::kShadow);
    schedule.state = ScheduleState::kEnabled;
    // By a node whose clock is a little behind: the minute has not come there.
    world_.Update(schedule, world_.clock.Now() - absl::Milliseconds(10));
    return absl::OkStatus();
  });
  Run(absl::Seconds(62));
  EXPECT_THAT(Seen(schedule), IsEmpty());
  EXPECT_THAT(Fired(schedule), ElementsAre(1, 2));
}

TEST_F(ShadowLoopTest, AOneShotWhoseTimePassesIsFinishedAndUsesUpNoFire) {
  Schedule schedule = MakeShadow(1);
  schedule.spec = OneShotSpec{start_ + absl::Seconds(90)};
  world_.Insert({schedule});
  Lead();
  Run(absl::Minutes(2));
  EXPECT_THAT(Seen(schedule), ElementsAre(1));
  EXPECT_THAT(old_.changes.finished, ElementsAre("s1"));
  EXPECT_EQ(world_.memory.GetSchedule({"default", "s1"})->cursor.fires, 0);
}

TEST_F(ShadowLoopTest, ATriggerIsHandedOverAllTheSame) {
  const Schedule schedule = MakeShadow(1);
  world_.Insert({schedule});
  Lead();
  Run(absl::Seconds(30));
  const Fire fire = world_.Trigger(schedule, 1);
  Run(absl::Minutes(1));
  ASSERT_THAT(old_.accepted, SizeIs(1));
  EXPECT_EQ(old_.accepted[0].id, fire.id);
  EXPECT_THAT(Seen(schedule), ElementsAre(1));
}

TEST_F(ShadowLoopTest, WhatWasHeldBackBeforeLeavesWhenItsRunEnds) {
  Schedule schedule = world_.Make(1);
  schedule.overlap = Overlap::kBufferOne;
  world_.Insert({schedule});
  Lead();
  Run(absl::Minutes(2));
  ASSERT_THAT(old_.accepted, SizeIs(1));  // The second waits for its end.
  schedule.state = ScheduleState::kShadow;
  world_.Update(schedule, world_.clock.Now());
  Run(absl::Minutes(1));
  EXPECT_THAT(Seen(schedule), ElementsAre(3));
  old_.Tell(old_.accepted[0], FireState::kSucceeded, world_.clock.Now());
  Run(absl::Minutes(1));
  EXPECT_THAT(Fired(schedule), ElementsAre(2));
  EXPECT_THAT(Seen(schedule), ElementsAre(3, 4));
}

}  // namespace
}  // namespace z4j::scheduler
