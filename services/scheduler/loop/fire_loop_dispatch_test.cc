// From the due time to the engine and back: loop, dispatcher, writer and store together.
#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/loop_world.h"

namespace z4j::scheduler {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

class FireLoopDispatchTest : public testing::Test {
 protected:
  void Lead(const std::vector<Schedule>& schedules) {
    world_.Insert(schedules);
    node_.elector.Grant(1);
    node_.Settle();
  }
  void Run(absl::Duration total, absl::Duration step = absl::Seconds(1)) {
    world_.Run(total, step, {&node_});
  }
  std::vector<std::pair<FireState, FireReason>> Rows(const Schedule& schedule) {
    std::vector<std::pair<FireState, FireReason>> rows;
    for (const Fire& fire : world_.Rows(schedule)) rows.emplace_back(fire.state, fire.reason);
    return rows;
  }
  LoopWorld world_{kStart};
  LoopNode node_{"a", world_.store, world_.clock};
  std::shared_ptr<MemoryLink> link_ = std::make_shared<MemoryLink>("one");
};

TEST_F(FireLoopDispatchTest, AJitteredFireIsNeverEarlyAndNeverLaterThanItsBound) {
  Schedule schedule = world_.Make(1);
  schedule.jitter = absl::Seconds(20);
  node_.Connect(link_);
  Lead({schedule});
  std::map<FireId, absl::Time> seen;
  node_.answer = [&](const DispatchItem& item) {
    seen[item.id] = world_.clock.Now();
    EXPECT_GE(world_.clock.Now(), item.dispatch_after);
    return DispatchCode::kAccepted;
  };
  Run(absl::Minutes(6) + absl::Seconds(21), absl::Milliseconds(100));
  ASSERT_THAT(seen, SizeIs(6));
  for (const Fire& fire : world_.Rows(schedule)) {
    EXPECT_LE(fire.dispatch_after, fire.key.due_at + schedule.jitter);
    EXPECT_LE(seen[fire.id] - fire.dispatch_after, absl::Milliseconds(200));
  }
}

TEST_F(FireLoopDispatchTest, WithoutAnAdapterFiresWaitAndGoOutInOrderWhenOneConnects) {
  const Schedule schedule = world_.Make(1);
  Lead({schedule});
  Run(absl::Minutes(3));
  EXPECT_THAT(world_.States(schedule),
              ElementsAre(FireState::kPending, FireState::kPending, FireState::kPending));
  EXPECT_EQ(node_.dispatcher.WhyWaits({"celery"}).reason, FireReason::kNoAdapter);
  ASSERT_THAT(node_.dispatcher.Engines(), SizeIs(1));
  EXPECT_EQ(node_.dispatcher.Engines()[0].waiting, 3);
  EXPECT_EQ(node_.dispatcher.Engines()[0].oldest_due, kStart + absl::Minutes(1));
  node_.Connect(link_);
  node_.Settle();
  EXPECT_THAT(world_.States(schedule), Each(FireState::kDispatched));
  ASSERT_THAT(node_.accepted, SizeIs(3));
  EXPECT_LT(node_.accepted[0].key.due_at, node_.accepted[1].key.due_at);
  EXPECT_LT(node_.accepted[1].key.due_at, node_.accepted[2].key.due_at);
  EXPECT_EQ(node_.dispatcher.WhyWaits({"celery"}).reason, FireReason::kNone);
}

TEST_F(FireLoopDispatchTest, FiresThatNobodyTakesEndPastExpiryOrCatchUpWindow) {
  Schedule expires = world_.Make(1), window = world_.Make(2);
  expires.spec = OneShotSpec{kStart + absl::Minutes(1)};
  window.spec = expires.spec;
  expires.expires = absl::Seconds(40);
  window.catch_up_window = absl::Minutes(5);
  Lead({expires, window});
  Run(absl::Seconds(95));
  EXPECT_THAT(Rows(expires), ElementsAre(std::pair(FireState::kPending, FireReason::kNone)));
  Run(absl::Seconds(10));
  EXPECT_THAT(Rows(expires), ElementsAre(std::pair(FireState::kSkipped, FireReason::kNoAdapter)));
  Run(absl::Minutes(4));
  EXPECT_THAT(Rows(window), ElementsAre(std::pair(FireState::kPending, FireReason::kNone)));
  Run(absl::Minutes(1));
  EXPECT_THAT(Rows(window), ElementsAre(std::pair(FireState::kSkipped, FireReason::kNoAdapter)));
}

TEST_F(FireLoopDispatchTest, ABusyEngineLetsAFireExpire) {
  Schedule schedule = world_.Make(1);
  schedule.spec = OneShotSpec{kStart + absl::Minutes(1)};
  schedule.expires = absl::Seconds(10);
  node_.answer = [](const DispatchItem&) { return DispatchCode::kUnavailable; };
  node_.Connect(link_);
  Lead({schedule});
  Run(absl::Seconds(90));
  EXPECT_THAT(Rows(schedule), ElementsAre(std::pair(FireState::kSkipped, FireReason::kExpired)));
}

TEST_F(FireLoopDispatchTest, ABrokerThatIsDownForTwentySecondsLosesNothingAndResumesInOrder) {
  std::vector<Schedule> schedules;
  for (int i = 0; i < 20; ++i) schedules.push_back(world_.Make(i, absl::Seconds(5)));
  node_.Connect(link_);
  Lead(schedules);
  Run(absl::Seconds(10));
  node_.accepted.clear();
  node_.answer = [](const DispatchItem&) { return DispatchCode::kUnavailable; };
  Run(absl::Seconds(20));
  EXPECT_EQ(node_.dispatcher.WhyWaits({"celery"}).reason, FireReason::kEngineUnavailable);
  EXPECT_THAT(node_.accepted, IsEmpty());
  node_.answer = [](const DispatchItem&) { return DispatchCode::kAccepted; };
  Run(absl::Seconds(20));
  std::map<ScheduleId, absl::Time> last;
  for (const DispatchItem& item : node_.accepted) {
    EXPECT_LT(last[item.key.schedule], item.key.due_at);
    last[item.key.schedule] = item.key.due_at;
  }
  for (const Schedule& schedule : schedules) {
    EXPECT_THAT(world_.States(schedule), SizeIs(10));
    EXPECT_THAT(world_.States(schedule), Each(FireState::kDispatched));
  }
}

TEST_F(FireLoopDispatchTest, WhatWasInFlightOnALostStreamGoesToTheNextWithTheSameId) {
  const Schedule schedule = world_.Make(1);
  node_.Connect(link_);
  Lead({schedule});
  world_.clock.Advance(absl::Minutes(1));
  node_.loop.RunOnce();
  node_.dispatcher.RunOnce();
  const std::vector<DispatchItem> lost = link_->TakeSent();
  ASSERT_THAT(lost, SizeIs(1));
  node_.Disconnect(link_);
  node_.Connect(std::make_shared<MemoryLink>("two"));
  node_.Settle();
  ASSERT_THAT(node_.accepted, SizeIs(1));
  EXPECT_EQ(node_.accepted[0].id, lost[0].id);
  EXPECT_EQ(node_.accepted[0].attempt, 2);
  EXPECT_EQ(world_.Rows(schedule)[0].adapter, "two");
}

TEST_F(FireLoopDispatchTest, ARejectedFireFailsWithTheEnginesMessageAndTheScheduleGoesOn) {
  const Schedule schedule = world_.Make(1);
  node_.Connect(link_);
  Lead({schedule});
  node_.answer = [](const DispatchItem&) { return DispatchCode::kRejected; };
  Run(absl::Minutes(2));
  EXPECT_THAT(Rows(schedule), ElementsAre(std::pair(FireState::kFailed, FireReason::kRejected),
                                          std::pair(FireState::kFailed, FireReason::kRejected)));
}

TEST_F(FireLoopDispatchTest, OutcomesMoveTheFireAndAFailureIsNoSuccess) {
  const Schedule schedule = world_.Make(1);
  node_.Connect(link_);
  Lead({schedule});
  Run(absl::Minutes(2));
  node_.Tell(node_.accepted[0], FireState::kRunning, world_.clock.Now());
  node_.Tell(node_.accepted[0], FireState::kSucceeded, world_.clock.Now());
  node_.Tell(node_.accepted[1], FireState::kFailed, world_.clock.Now());
  node_.Settle();
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kSucceeded, FireState::kFailed));
  EXPECT_EQ(world_.Rows(schedule)[0].started_at, world_.clock.Now());
}

TEST_F(FireLoopDispatchTest, OverlapSkipDropsWhatIsDueDuringARun) {
  Schedule schedule = world_.Make(1);
  schedule.overlap = Overlap::kSkip;
  node_.Connect(link_);
  Lead({schedule});
  Run(absl::Minutes(2));
  EXPECT_THAT(Rows(schedule), ElementsAre(std::pair(FireState::kDispatched, FireReason::kNone),
                                          std::pair(FireState::kSkipped, FireReason::kOverlap)));
  node_.Tell(node_.accepted[0], FireState::kSucceeded, world_.clock.Now());
  Run(absl::Minutes(1));
  EXPECT_EQ(world_.States(schedule).back(), FireState::kDispatched);
}

TEST_F(FireLoopDispatchTest, OverlapBufferOneRunsTheHeldFireWhenTheRunEnds) {
  Schedule schedule = world_.Make(1);
  schedule.overlap = Overlap::kBufferOne;
  node_.Connect(link_);
  Lead({schedule});
  Run(absl::Minutes(3));
  EXPECT_THAT(Rows(schedule), ElementsAre(std::pair(FireState::kDispatched, FireReason::kNone),
                                          std::pair(FireState::kPending, FireReason::kOverlap),
                                          std::pair(FireState::kSkipped, FireReason::kOverlap)));
  // A new leader finds the same.
  node_.elector.Grant(2);
  node_.Settle();
  EXPECT_THAT(node_.accepted, SizeIs(1));
  node_.Tell(node_.accepted[0], FireState::kFailed, world_.clock.Now());
  node_.Settle();
  EXPECT_THAT(node_.accepted, SizeIs(2));
  EXPECT_EQ(world_.States(schedule)[1], FireState::kDispatched);
}

TEST_F(FireLoopDispatchTest, OverlapDoesNotWaitForAnEngineThatCannotTell) {
  Schedule schedule = world_.Make(1);
  schedule.overlap = Overlap::kSkip;
  node_.Connect(std::make_shared<MemoryLink>("blind", "celery", /*outcomes=*/false));
  Lead({schedule});
  Run(absl::Minutes(3));
  EXPECT_THAT(world_.States(schedule), SizeIs(3));
  EXPECT_THAT(world_.States(schedule), Each(FireState::kDispatched));
}

TEST_F(FireLoopDispatchTest, ACancelledFireDoesNotGoOutAndADeletedSchedulesNeither) {
  const Schedule cancelled = world_.Make(1), deleted = world_.Make(2);
  Lead({cancelled, deleted});
  Run(absl::Minutes(1));
  world_.CancelFire(cancelled, world_.Rows(cancelled)[0]);
  world_.Delete(deleted);
  node_.Settle();
  EXPECT_EQ(node_.dispatcher.queued(), 0);
  node_.Connect(link_);
  node_.Settle();
  EXPECT_THAT(node_.accepted, IsEmpty());
  EXPECT_THAT(world_.States(cancelled), ElementsAre(FireState::kCancelled));
}

TEST_F(FireLoopDispatchTest, CancellingWhatIsInFlightAsksTheAdapter) {
  const Schedule schedule = world_.Make(1);
  node_.Connect(link_);
  Lead({schedule});
  world_.clock.Advance(absl::Minutes(1));
  node_.loop.RunOnce();
  node_.dispatcher.RunOnce();
  world_.CancelFire(schedule, world_.Rows(schedule)[0]);
  node_.loop.RunOnce();
  EXPECT_THAT(link_->TakeCancelled(), SizeIs(1));
  node_.Settle();  // The answer "accepted" does not bring it back.
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kCancelled));
}

TEST_F(FireLoopDispatchTest, ANewLeaderTakesThePendingFiresOfTheOldOne) {
  const Schedule schedule = world_.Make(1);
  Lead({schedule});
  Run(absl::Minutes(2));
  node_.elector.Revoke();
  node_.Settle();
  LoopNode next("b", world_.store, world_.clock);
  next.Connect(link_);
  next.elector.Grant(2);
  next.Settle();
  EXPECT_THAT(next.accepted, SizeIs(2));
  EXPECT_THAT(world_.States(schedule), Each(FireState::kDispatched));
}

TEST_F(FireLoopDispatchTest, ThreadsFireWithoutBeingTurnedByHandAndStopHandsOver) {
  SystemClock clock;
  const absl::Time due = absl::FromUnixMicros(absl::ToUnixMicros(clock.Now()));
  LoopWorld real(due - absl::Seconds(1));
  FakeElector elector;
  RecordedChanges changes;
  UpdateWriter writer(real.memory, clock, nullptr);
  Dispatcher dispatcher(writer, clock, nullptr, {});
  FireLoop loop(real.memory, elector, dispatcher, writer, changes, clock, nullptr, {});
  Schedule schedule = real.Make(1);
  schedule.spec = OneShotSpec{due};
  real.Insert({schedule});
  real.clock.Advance(absl::Hours(1));  // The store's own clock, which guards against early fires.
  writer.Start();
  dispatcher.Start();
  ASSERT_OK(loop.Start());
  elector.Grant(1);
  dispatcher.OnConnected(link_);
  std::vector<DispatchItem> sent;
  const absl::Time deadline = clock.Now() + absl::Seconds(20);
  while (sent.empty() && clock.Now() < deadline) {
    sent = link_->TakeSent();
    std::this_thread::yield();
  }
  ASSERT_THAT(sent, SizeIs(1));
  dispatcher.OnResults(*link_, Answers(sent, DispatchCode::kAccepted));
  loop.Stop();
  EXPECT_THAT(real.States(schedule), ElementsAre(FireState::kDispatched));
  EXPECT_GE(elector.resigned(), 1);
}

}  // namespace
}  // namespace z4j::scheduler
