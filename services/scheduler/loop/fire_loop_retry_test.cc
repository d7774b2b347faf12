// The retry of a run: decided with its end, dispatched later, by whoever leads then.
#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/two_nodes.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FireLoopRetryTest : public TwoNodes {
 protected:
  // One run, due after a minute, and up to `max_attempts` of it.
  Schedule OneShot(RunRetry retry) {
    Schedule schedule = world_.Make(1);
    schedule.spec = OneShotSpec{start_ + absl::Minutes(1)};
    schedule.run_retry = retry;
    return schedule;
  }
  void Lead(const Schedule& schedule) {
    old_.Connect(link_);
    world_.Insert({schedule});
    old_.elector.Grant(1);
    Run(absl::Minutes(1));
    ASSERT_THAT(old_.accepted, SizeIs(1));
  }
  void Run(absl::Duration total) { world_.Run(total, absl::Seconds(1), {&old_, &next_}); }
  // The newest run that `node` handed over ends so, now.
  void End(LoopNode& node, FireState state, FireReason reason = FireReason::kNone) {
    Outcome outcome;
    outcome.key = node.accepted.back().key;
    outcome.id = node.accepted.back().id;
    outcome.state = state;
    outcome.reason = reason;
    outcome.at = world_.clock.Now();
    node.dispatcher.OnOutcomes(*node.links.front(), {outcome}, [](bool) {});
    node.Settle();
  }
  // By run.
  std::vector<Fire> Runs(const Schedule& schedule) {
    std::vector<Fire> rows = world_.Rows(schedule);
    std::sort(rows.begin(), rows.end(), [](const Fire& a, const Fire& b) { return a.run < b.run; });
    return rows;
  }
  std::vector<FireState> RunStates(const Schedule& schedule) {
    std::vector<FireState> states;
    for (const Fire& fire : Runs(schedule)) states.push_back(fire.state);
    return states;
  }
};

TEST_F(FireLoopRetryTest, ATaskThatFailsTwiceRunsThreeTimesEachAfterItsBackoff) {
  const Schedule schedule = OneShot({.max_attempts = 5, .initial_backoff = absl::Seconds(10)});
  Lead(schedule);
  End(old_, FireState::kFailed);
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed, FireState::kPending));
  Run(absl::Seconds(9));
  EXPECT_THAT(old_.accepted, SizeIs(1));
  Run(absl::Seconds(1));
  ASSERT_THAT(old_.accepted, SizeIs(2));
  End(old_, FireState::kFailed);
  Run(absl::Seconds(19));
  EXPECT_THAT(old_.accepted, SizeIs(2));
  Run(absl::Seconds(1));
  ASSERT_THAT(old_.accepted, SizeIs(3));
  End(old_, FireState::kSucceeded);
  Run(absl::Hours(1));
  EXPECT_THAT(old_.accepted, SizeIs(3));
  const std::vector<Fire> runs = Runs(schedule);
  ASSERT_THAT(runs, SizeIs(3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(runs[i].run, i + 1);
    EXPECT_EQ(runs[i].key.due_at, start_ + absl::Minutes(1));
    EXPECT_EQ(runs[i].id, old_.accepted[i].id);
    EXPECT_EQ(runs[i].retry_of, i == 0 ? FireId() : runs[i - 1].id);
  }
  EXPECT_THAT(RunStates(schedule),
              ElementsAre(FireState::kFailed, FireState::kFailed, FireState::kSucceeded));
  EXPECT_EQ(world_.memory.GetCursors({schedule.id})->front().second.fires, 1);
}

TEST_F(FireLoopRetryTest, AfterMaxAttemptsItStaysFailed) {
  const Schedule schedule = OneShot({.max_attempts = 2});
  Lead(schedule);
  End(old_, FireState::kFailed);
  Run(absl::Seconds(10));
  End(old_, FireState::kFailed);
  Run(absl::Hours(1));
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed, FireState::kFailed));
}

TEST_F(FireLoopRetryTest, WithoutAPolicyNothingIsRepeated) {
  Schedule schedule = OneShot({});
  schedule.run_retry.reset();
  Lead(schedule);
  End(old_, FireState::kFailed);
  Run(absl::Hours(1));
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed));
}

TEST_F(FireLoopRetryTest, AnOutcomeThatIsReportedTwiceMakesOneRetry) {
  const Schedule schedule = OneShot({.max_attempts = 5});
  Lead(schedule);
  End(old_, FireState::kFailed);
  End(old_, FireState::kFailed);
  Run(absl::Seconds(10));
  EXPECT_THAT(old_.accepted, SizeIs(2));
  EXPECT_THAT(Runs(schedule), SizeIs(2));
}

TEST_F(FireLoopRetryTest, AnOutcomeOfWhichOnlyTheIdIsKnownIsRepeatedToo) {
  const Schedule schedule = OneShot({.max_attempts = 5});
  Lead(schedule);
  old_.accepted.back().key = {};
  End(old_, FireState::kFailed);
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed, FireState::kPending));
}

TEST_F(FireLoopRetryTest, WhatTheEngineRejectsOrSomeoneCancelsIsNotRepeated) {
  const Schedule schedule = OneShot({.max_attempts = 5});
  Lead(schedule);
  End(old_, FireState::kCancelled, FireReason::kUserCancelled);
  Run(absl::Minutes(1));
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kCancelled));
  Schedule rejected = world_.Make(2);
  rejected.run_retry = RunRetry{.max_attempts = 5};
  world_.Insert({rejected});
  old_.answer = [](const DispatchItem&) { return DispatchCode::kRejected; };
  Run(absl::Minutes(1));
  Run(absl::Seconds(30));
  EXPECT_THAT(world_.States(rejected), ElementsAre(FireState::kFailed));
}

TEST_F(FireLoopRetryTest, OnLostHoldsRetriesOrFails) {
  const Schedule schedule = OneShot({.max_attempts = 5, .on_lost = OnLost::kHold});
  Lead(schedule);
  End(old_, FireState::kLost, FireReason::kWorkerLost);
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kLost));
  for (const OnLost on_lost : {OnLost::kRetry, OnLost::kFail}) {
    Schedule other = world_.Make(static_cast<int>(on_lost));
    other.spec = OneShotSpec{world_.clock.Now()};
    other.run_retry = RunRetry{.max_attempts = 5, .on_lost = on_lost};
    world_.Insert({other}, world_.clock.Now() - absl::Seconds(1));
    Run(absl::Seconds(2));
    ASSERT_EQ(old_.accepted.back().key.schedule, other.id);
    End(old_, FireState::kLost, FireReason::kWorkerLost);
    if (on_lost == OnLost::kRetry) {
      EXPECT_THAT(RunStates(other), ElementsAre(FireState::kLost, FireState::kPending));
    } else {
      EXPECT_THAT(RunStates(other), ElementsAre(FireState::kFailed));
      EXPECT_EQ(Runs(other)[0].reason, FireReason::kWorkerLost);
    }
  }
}

TEST_F(FireLoopRetryTest, ARetryThatWaitsGoesOutWhileItsScheduleIsPaused) {
  Schedule schedule = OneShot({.max_attempts = 2});
  Lead(schedule);
  schedule.state = ScheduleState::kPaused;
  schedule.pause.emplace();
  world_.Update(schedule);
  Run(absl::Seconds(2));
  End(old_, FireState::kFailed);
  Run(absl::Seconds(10));
  EXPECT_THAT(old_.accepted, SizeIs(2));
}

TEST_F(FireLoopRetryTest, ADeletedScheduleRepeatsNothing) {
  const Schedule schedule = OneShot({.max_attempts = 5});
  Lead(schedule);
  world_.Delete(schedule);
  Run(absl::Seconds(2));
  End(old_, FireState::kFailed);
  Run(absl::Minutes(1));
  EXPECT_THAT(world_.AllRows(), SizeIs(1));
}

TEST_F(FireLoopRetryTest, ADeletionCancelsTheRetryThatWaits) {
  const Schedule schedule = OneShot({.max_attempts = 5});
  Lead(schedule);
  End(old_, FireState::kFailed);
  world_.Delete(schedule);
  Run(absl::Minutes(1));
  EXPECT_THAT(old_.accepted, SizeIs(1));
  EXPECT_EQ(old_.dispatcher.queued(), 0);
}

TEST_F(FireLoopRetryTest, ThePolicyIsTheOneOfTheMomentTheRunEnds) {
  Schedule schedule = OneShot({.max_attempts = 1});
  Lead(schedule);
  schedule.run_retry->max_attempts = 2;
  world_.Update(schedule);
  Run(absl::Seconds(2));
  End(old_, FireState::kFailed);
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed, FireState::kPending));
}

TEST_F(FireLoopRetryTest, ALeaderThatDiesBetweenTheRunsLeavesTheRetryToTheNext) {
  const Schedule schedule = OneShot({.max_attempts = 3});
  Lead(schedule);
  End(old_, FireState::kFailed);
  Die();
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  Run(absl::Seconds(10));
  ASSERT_THAT(next_.accepted, SizeIs(1));
  EXPECT_EQ(next_.accepted[0].id, Runs(schedule)[1].id);
  End(next_, FireState::kFailed);
  Run(absl::Seconds(20));
  ASSERT_THAT(next_.accepted, SizeIs(2));
  End(next_, FireState::kSucceeded);
  Run(absl::Hours(1));
  EXPECT_THAT(RunStates(schedule),
              ElementsAre(FireState::kFailed, FireState::kFailed, FireState::kSucceeded));
}

TEST_F(FireLoopRetryTest, AnEndWhoseFateIsUnknownIsWrittenAgainAndMakesOneRetry) {
  const Schedule schedule = OneShot({.max_attempts = 3});
  Lead(schedule);
  world_.store.set_fault([](const std::string& op, bool after) {
    return op == "update_fires" && after ? absl::UnavailableError("lost") : absl::OkStatus();
  });
  End(old_, FireState::kFailed);
  EXPECT_THAT(Runs(schedule), SizeIs(2));  // It was written; this node does not know.
  world_.store.set_fault([](const std::string&, bool) { return absl::OkStatus(); });
  EXPECT_TRUE(old_.writer.FlushOnce());
  old_.Settle();
  Run(absl::Seconds(10));
  EXPECT_THAT(old_.accepted, SizeIs(2));
  EXPECT_THAT(Runs(schedule), SizeIs(2));
}

TEST_F(FireLoopRetryTest, AnEndThatWasNotWrittenBeforeTheLeaderDiedIsRepeatedByTheNext) {
  const Schedule schedule = OneShot({.max_attempts = 3});
  Lead(schedule);
  world_.store.set_fault([](const std::string& op, bool) {
    return op == "update_fires" ? absl::UnavailableError("away") : absl::OkStatus();
  });
  End(old_, FireState::kFailed);
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kDispatched));
  const DispatchItem item = old_.accepted.back();
  Die();
  next_.Connect(link_);
  next_.elector.Grant(2);
  Run(absl::Seconds(1));
  next_.accepted.push_back(item);  // Its adapter reports again what nobody confirmed.
  End(next_, FireState::kFailed);
  Run(absl::Seconds(10));
  EXPECT_THAT(next_.accepted, SizeIs(2));
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed, FireState::kDispatched));
}

TEST_F(FireLoopRetryTest, AnOverlapPolicySeesARunThatWaitsForItsRetryAsNotEnded) {
  Schedule schedule = world_.Make(1);
  schedule.overlap = Overlap::kSkip;
  schedule.run_retry = RunRetry{.max_attempts = 2, .initial_backoff = absl::Seconds(90)};
  Lead(schedule);
  End(old_, FireState::kFailed);
  Run(absl::Minutes(1));  // Due while the retry waits.
  EXPECT_THAT(old_.accepted, SizeIs(1));
  Run(absl::Seconds(30));
  ASSERT_THAT(old_.accepted, SizeIs(2));
  EXPECT_EQ(old_.accepted.back().key.due_at, start_ + absl::Minutes(1));
  End(old_, FireState::kSucceeded);
  Run(absl::Seconds(30));
  EXPECT_THAT(old_.accepted, SizeIs(3));
  EXPECT_THAT(world_.States(schedule),
              testing::UnorderedElementsAre(FireState::kFailed, FireState::kSucceeded,
                                            FireState::kSkipped, FireState::kDispatched));
}

TEST_F(FireLoopRetryTest, AFireHeldBackWaitsForTheRetryAlsoUnderTheNextLeader) {
  Schedule schedule = world_.Make(1);
  schedule.overlap = Overlap::kBufferOne;
  schedule.run_retry = RunRetry{.max_attempts = 2, .initial_backoff = absl::Minutes(3)};
  Lead(schedule);
  Run(absl::Minutes(1));
  End(old_, FireState::kFailed);
  EXPECT_THAT(old_.accepted, SizeIs(1));
  Die();
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  Run(absl::Minutes(2));
  EXPECT_THAT(next_.accepted, IsEmpty());
  Run(absl::Minutes(1));
  ASSERT_THAT(next_.accepted, SizeIs(1));
  EXPECT_EQ(next_.accepted[0].key.due_at, start_ + absl::Minutes(1));
  End(next_, FireState::kFailed);  // The last run: now the held one may go.
  ASSERT_THAT(next_.accepted, SizeIs(2));
  EXPECT_EQ(next_.accepted[1].key.due_at, start_ + absl::Minutes(2));
}

TEST_F(FireLoopRetryTest, ARetryThatAPersonAsksForGoesOutAtOnce) {
  const Schedule schedule = OneShot({});
  Lead(schedule);
  End(old_, FireState::kFailed);
  world_.Retry(schedule, Runs(schedule)[0]);
  old_.Settle();
  ASSERT_THAT(old_.accepted, SizeIs(2));
  EXPECT_THAT(RunStates(schedule), ElementsAre(FireState::kFailed, FireState::kDispatched));
}

}  // namespace
}  // namespace z4j::scheduler
