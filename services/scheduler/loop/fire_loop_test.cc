#include "services/scheduler/loop/fire_loop.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/testing/loop_world.h"

namespace z4j::scheduler {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);  // A whole minute.

class FireLoopTest : public testing::Test {
 protected:
  void Lead(int64_t token = 1) {
    node_.elector.Grant(token);
    node_.Settle();
  }
  void Run(absl::Duration total, absl::Duration step = absl::Seconds(1)) {
    world_.Run(total, step, {&node_});
  }
  std::vector<int> DueSeconds(const Schedule& schedule) {
    std::vector<int> seconds;
    for (const Fire& fire : world_.Rows(schedule)) {
      seconds.push_back(absl::ToInt64Seconds(fire.key.due_at - kStart));
    }
    return seconds;
  }

  LoopWorld world_{kStart};
  LoopNode node_{"a", world_.store, world_.clock};
  std::shared_ptr<MemoryLink> link_ = std::make_shared<MemoryLink>("one");
};

TEST_F(FireLoopTest, FiresOncePerDueTimeAndHandsItToTheAdapter) {
  const Schedule schedule = world_.Make(1);
  world_.Insert({schedule});
  node_.Connect(link_);
  Lead();
  Run(absl::Minutes(3));
  EXPECT_THAT(DueSeconds(schedule), ElementsAre(60, 120, 180));
  EXPECT_THAT(world_.States(schedule), Each(FireState::kDispatched));
  EXPECT_THAT(node_.accepted, SizeIs(3));
  EXPECT_EQ(node_.accepted[0].id, MakeFireId({schedule.id, kStart + absl::Minutes(1), {}}));
  EXPECT_EQ(node_.accepted[0].task->task, "app.tasks.work");
  EXPECT_EQ(world_.Rows(schedule)[0].adapter, "one");
}

TEST_F(FireLoopTest, DoesNothingWithoutATerm) {
  const Schedule schedule = world_.Make(1);
  world_.Insert({schedule});
  node_.Connect(link_);
  Run(absl::Minutes(2));
  EXPECT_THAT(world_.Rows(schedule), IsEmpty());
}

TEST_F(FireLoopTest, SleepsUntilTheNextDueTimeOrTheNextSecond) {
  world_.Insert({world_.Make(1)});
  Lead();
  world_.clock.Advance(absl::Seconds(59) + absl::Milliseconds(700));
  node_.Settle();
  EXPECT_LE(node_.loop.RunOnce(), absl::Milliseconds(300));
}

TEST_F(FireLoopTest, AOneShotWithMicrosecondsFiresExactlyOnceAndFinishes) {
  Schedule schedule = world_.Make(1);
  schedule.spec = OneShotSpec{kStart + absl::Microseconds(1'500'001)};
  world_.Insert({schedule});
  node_.Connect(link_);
  Lead();
  world_.clock.Advance(absl::Microseconds(1'500'000));
  node_.Settle();
  EXPECT_THAT(world_.Rows(schedule), IsEmpty());
  world_.clock.Advance(absl::Microseconds(1));
  node_.Settle();
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kDispatched));
  EXPECT_THAT(node_.changes.finished, ElementsAre("s1"));
  Run(absl::Minutes(2));
  EXPECT_THAT(world_.Rows(schedule), SizeIs(1));
}

TEST_F(FireLoopTest, SeesEditsPausesAndDeletionsBeforeTheNextFire) {
  Schedule edited = world_.Make(1), paused = world_.Make(2), deleted = world_.Make(3);
  world_.Insert({edited, paused, deleted});
  node_.Connect(link_);
  Lead();
  Run(absl::Seconds(30));
  edited.spec = IntervalSpec{absl::Minutes(2), absl::UnixEpoch(), Arithmetic::kAbsolute};
  world_.Update(edited);
  paused.state = ScheduleState::kPaused;
  paused.pause = Pause{.reason = "", .actor = "", .since = kStart};
  world_.Update(paused);
  world_.Delete(deleted);
  Run(absl::Minutes(4));
  EXPECT_THAT(DueSeconds(edited), ElementsAre(120, 240));
  EXPECT_THAT(world_.Rows(paused), IsEmpty());
  EXPECT_THAT(node_.accepted, SizeIs(2));
}

TEST_F(FireLoopTest, AsksToResumeWhenThePauseIsOver) {
  Schedule paused = world_.Make(1);
  paused.state = ScheduleState::kPaused;
  paused.pause =
      Pause{.reason = "", .actor = "", .since = kStart, .until = kStart + absl::Seconds(90)};
  world_.Insert({paused});
  Lead();
  Run(absl::Seconds(89));
  EXPECT_THAT(node_.changes.resumed, IsEmpty());
  Run(absl::Seconds(1));
  EXPECT_THAT(node_.changes.resumed, ElementsAre("s1"));
  // Nothing came of it: it is asked for again.
  node_.changes.resumed.clear();
  Run(absl::Seconds(5));
  EXPECT_THAT(node_.changes.resumed, ElementsAre("s1"));
}

TEST_F(FireLoopTest, AScheduleThatCannotBeComputedIsQuarantinedAndOthersGoOn) {
  Schedule bad = world_.Make(1), good = world_.Make(2);
  CronSpec never;
  never.expression = "0 0 31 2 *";
  bad.spec = never;
  world_.Insert({bad, good});
  node_.Connect(link_);
  Lead();
  Run(absl::Minutes(1));
  EXPECT_TRUE(node_.changes.quarantined.contains("s1"));
  EXPECT_THAT(world_.States(good), ElementsAre(FireState::kDispatched));
}

TEST_F(FireLoopTest, AManualTriggerGoesOutAlsoWhilePaused) {
  Schedule paused = world_.Make(1);
  paused.state = ScheduleState::kPaused;
  paused.pause = Pause{.reason = "", .actor = "", .since = kStart};
  world_.Insert({paused});
  node_.Connect(link_);
  Lead();
  const Fire fire = world_.Trigger(paused, 7);
  node_.Settle();
  ASSERT_THAT(node_.accepted, SizeIs(1));
  EXPECT_EQ(node_.accepted[0].id, fire.id);
}

// --- Time in which nobody was live, and clocks that jump -----------------------------------------

TEST_F(FireLoopTest, TheCatchUpPolicyJudgesTheOutageAndNothingElse) {
  Schedule skip = world_.Make(1), one = world_.Make(2), all = world_.Make(3);
  skip.catch_up = CatchUp::kSkip;
  one.catch_up = CatchUp::kFireOne;
  all.catch_up = CatchUp::kFireAll;
  world_.Insert({skip, one, all});
  node_.Connect(link_);
  Lead();
  Run(absl::Minutes(2));
  node_.elector.Revoke();
  Run(absl::Minutes(5) + absl::Seconds(40), absl::Seconds(20));  // Due at 3 … 7 min, unseen.
  Lead(2);
  const auto fired = [&](const Schedule& schedule) {
    int count = 0;
    for (const Fire& fire : world_.Rows(schedule)) count += fire.state == FireState::kDispatched;
    return count;
  };
  const auto skipped = [&](const Schedule& schedule) {
    int64_t count = 0;
    for (const Fire& fire : world_.Rows(schedule)) {
      if (fire.reason == FireReason::kCatchUpPolicy) count += fire.count;
    }
    return count;
  };
  EXPECT_EQ(fired(skip), 2);
  EXPECT_EQ(skipped(skip), 5);
  EXPECT_EQ(fired(one), 3);
  EXPECT_EQ(skipped(one), 4);
  EXPECT_EQ(fired(all), 7);
  EXPECT_EQ(skipped(all), 0);
}

TEST_F(FireLoopTest, WhatWasDueInTheLeadersOwnTimeFiresUnderItsSuccessor) {
  Schedule skip = world_.Make(1);
  skip.catch_up = CatchUp::kSkip;
  world_.Insert({skip});
  node_.Connect(link_);
  Lead();
  // The leader is live until 2 min 30 s, but the store takes no fires from it.
  world_.store.set_fault([](const std::string& op, bool after) {
    return op == "commit_fires" && !after ? absl::UnavailableError("slow") : absl::OkStatus();
  });
  Run(absl::Seconds(150));
  node_.elector.Revoke();
  world_.store.set_fault([](const std::string&, bool) { return absl::OkStatus(); });
  Run(absl::Minutes(2), absl::Seconds(20));  // Until 4 min 30 s: 3 min is missed, 4 in the grace.
  Lead(2);
  std::vector<std::pair<int, FireState>> rows;
  for (const Fire& fire : world_.Rows(skip)) {
    rows.emplace_back(absl::ToInt64Minutes(fire.key.due_at - kStart), fire.state);
  }
  EXPECT_THAT(
      rows, ElementsAre(std::pair(1, FireState::kDispatched), std::pair(2, FireState::kDispatched),
                        std::pair(3, FireState::kSkipped), std::pair(4, FireState::kDispatched)));
}

TEST_F(FireLoopTest, AWallClockSetForwardUnderALiveLeaderMissesNothing) {
  Schedule skip = world_.Make(1);
  skip.catch_up = CatchUp::kSkip;
  world_.Insert({skip});
  node_.Connect(link_);
  Lead();
  Run(absl::Minutes(1));
  world_.clock.SetWallClock(world_.clock.Now() + absl::Hours(1));
  node_.Settle();
  EXPECT_THAT(world_.States(skip), SizeIs(61));
  EXPECT_THAT(world_.States(skip), Each(FireState::kDispatched));
}

TEST_F(FireLoopTest, AWallClockSetBackFiresNothingAgainAndNothingEarly) {
  const Schedule schedule = world_.Make(1);
  world_.Insert({schedule});
  node_.Connect(link_);
  Lead();
  Run(absl::Minutes(3));
  world_.clock.SetWallClock(world_.clock.Now() - absl::Hours(1));
  Run(absl::Minutes(60), absl::Seconds(20));
  EXPECT_THAT(DueSeconds(schedule), ElementsAre(60, 120, 180));
  Run(absl::Minutes(1));
  EXPECT_THAT(DueSeconds(schedule), ElementsAre(60, 120, 180, 240));
  EXPECT_THAT(node_.accepted, SizeIs(4));
}

TEST_F(FireLoopTest, AMachineThatSleptTreatsTheTimeAsAnOutage) {
  Schedule one = world_.Make(1);
  world_.Insert({one});
  node_.Connect(link_);
  Lead();
  Run(absl::Minutes(1));
  world_.clock.Advance(absl::Minutes(30) + absl::Seconds(45));
  node_.Settle();
  int64_t skipped = 0;
  for (const Fire& fire : world_.Rows(one)) {
    if (fire.state == FireState::kSkipped) skipped += fire.count;
  }
  EXPECT_EQ(skipped, 29);
  EXPECT_THAT(node_.accepted, SizeIs(2));
}

TEST_F(FireLoopTest, AOneShotForATimeInTheLastOutageButCreatedLaterFiresOnce) {
  Lead();
  Run(absl::Seconds(2));
  node_.elector.Revoke();
  node_.Settle();
  world_.clock.Advance(absl::Hours(3));
  const absl::Time at = world_.clock.Now() - absl::Hours(2);
  Schedule created_later = world_.Make(1), created_before = world_.Make(2);
  for (Schedule* schedule : {&created_later, &created_before}) {
    schedule->spec = OneShotSpec{at};
    schedule->catch_up = CatchUp::kSkip;
  }
  created_before.created_at = kStart;
  world_.Insert({created_later, created_before}, /*watermark=*/at - absl::Microseconds(1));
  node_.Connect(link_);
  world_.clock.Advance(absl::Minutes(1));
  Lead(2);
  Run(absl::Minutes(1));
  EXPECT_THAT(world_.States(created_later), ElementsAre(FireState::kDispatched));
  EXPECT_THAT(world_.States(created_before), ElementsAre(FireState::kSkipped));
}

TEST_F(FireLoopTest, PrunesFinalFiresPastTheRetentionInSmallBatches) {
  Schedule schedule = world_.Make(1);
  schedule.expires = absl::Seconds(1);
  world_.Insert({schedule});
  Lead();  // Without an adapter each fire ends as SKIPPED.
  Run(absl::Minutes(10), absl::Seconds(5));
  EXPECT_THAT(world_.States(schedule), SizeIs(10));
  Schedule stopped = schedule;
  stopped.state = ScheduleState::kPaused;
  stopped.pause = Pause{.reason = "", .actor = "", .since = kStart};
  world_.Update(stopped);
  Run(absl::Hours(24) + absl::Minutes(2), absl::Seconds(25));
  EXPECT_THAT(world_.States(schedule), IsEmpty());
}

}  // namespace
}  // namespace z4j::scheduler
