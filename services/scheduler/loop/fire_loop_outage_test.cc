// A leader that dies while it catches up, and what its successor makes of the rest.
#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/two_nodes.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using LoopOutageTest = TwoNodes;

TEST_F(LoopOutageTest, TheRestOfACatchUpIsTheSuccessorsAndNothingMissedIsTakenForLate) {
  const std::vector<Schedule> schedules = InsertMany(300, CatchUp::kSkip);
  next_.Connect(link_);
  world_.clock.Advance(absl::Minutes(10));
  DieAfter(1);
  old_.elector.Grant(1);
  old_.Settle();
  ASSERT_EQ(committed_, 1);
  EXPECT_THAT(world_.memory.ReadFence()->outages, SizeIs(1));
  Die();
  world_.clock.Advance(absl::Seconds(5));
  next_.elector.Grant(2);
  next_.Settle();
  for (const Schedule& schedule : schedules) {
    EXPECT_EQ(Missed(schedule), 9) << schedule.name;
    EXPECT_THAT(Fired(schedule), ElementsAre(10)) << schedule.name;  // Within the grace.
  }
}

TEST_F(LoopOutageTest, FireOneFiresOnceForTheWholeOutageWhoeverCatchesUp) {
  const std::vector<Schedule> schedules = InsertMany(300, CatchUp::kFireOne);
  next_.Connect(link_);
  world_.clock.Advance(absl::Minutes(10) + absl::Seconds(45));
  DieAfter(1);
  old_.elector.Grant(1);
  old_.Settle();
  Die();
  next_.elector.Grant(2);
  next_.Settle();
  for (const Schedule& schedule : schedules) {
    EXPECT_EQ(Missed(schedule), 9) << schedule.name;
    EXPECT_THAT(Fired(schedule), ElementsAre(10)) << schedule.name;
  }
}

TEST_F(LoopOutageTest, WhatWasDueWhileTheDeadOneWasLiveIsLate) {
  const std::vector<Schedule> schedules = InsertMany(2, CatchUp::kSkip);
  next_.Connect(link_);
  world_.clock.Advance(absl::Minutes(10) + absl::Seconds(45));  // Misses 1 … 10.
  world_.store.set_fault([](const std::string& op, bool) {
    return op == "commit_fires" ? absl::UnavailableError("stuck") : absl::OkStatus();
  });
  old_.elector.Grant(1);
  old_.Settle();
  Run(absl::Minutes(5));  // Live through 11 … 15, but commits nothing.
  Die();
  world_.clock.Advance(absl::Minutes(4));  // Misses 16 … 19.
  next_.elector.Grant(2);
  next_.Settle();
  for (const Schedule& schedule : schedules) {
    EXPECT_THAT(Fired(schedule), ElementsAre(11, 12, 13, 14, 15));
    EXPECT_EQ(Missed(schedule), 14);
  }
}

TEST_F(LoopOutageTest, AnOutageIsForgottenOnceAllOfItIsDecided) {
  InsertMany(300, CatchUp::kSkip);
  world_.clock.Advance(absl::Minutes(10));
  old_.elector.Grant(1);
  old_.loop.RunOnce();  // The first batch of several.
  EXPECT_THAT(world_.memory.ReadFence()->outages, SizeIs(1));
  old_.Settle();
  EXPECT_THAT(world_.memory.ReadFence()->outages, IsEmpty());
}

TEST_F(LoopOutageTest, AnOutageIsKeptUntilSchedulesThatWaitForOpenRunsAreDecided) {
  Schedule waits = world_.Make(0);
  waits.catch_up = CatchUp::kSkip;
  waits.overlap = Overlap::kSkip;
  world_.Insert({waits});
  next_.Connect(link_);
  world_.clock.Advance(absl::Minutes(10));
  old_.elector.Grant(1);
  for (int turn = 0; turn < 5; ++turn) old_.loop.RunOnce();  // No time passes.
  ASSERT_THAT(world_.Rows(waits), IsEmpty());
  EXPECT_THAT(world_.memory.ReadFence()->outages, SizeIs(1));
  Die();
  next_.elector.Grant(2);
  Run(absl::Seconds(2));
  EXPECT_EQ(Missed(waits), 9);
}

TEST_F(LoopOutageTest, AnOutageIsKeptWhileTheStoreHoldsOffAClockThatIsAhead) {
  const std::vector<Schedule> schedules = InsertMany(2, CatchUp::kSkip);
  next_.Connect(link_);
  world_.clock.Advance(absl::Minutes(10) + absl::Nanoseconds(300));
  world_.store.set_fault([](const std::string& op, bool) {
    return op == "commit_fires" ? absl::FailedPreconditionError("ahead") : absl::OkStatus();
  });
  old_.elector.Grant(1);
  old_.loop.RunOnce();
  EXPECT_THAT(world_.memory.ReadFence()->outages, SizeIs(1));
  Die();
  next_.elector.Grant(2);
  next_.Settle();
  for (const Schedule& schedule : schedules) EXPECT_EQ(Missed(schedule), 9) << schedule.name;
}

TEST_F(LoopOutageTest, ARapidSuccessionOfLeadersLeavesNoOutage) {
  InsertMany(1, CatchUp::kSkip);
  old_.elector.Grant(1);
  Run(absl::Minutes(1));
  Die();
  world_.clock.Advance(kOnTimeGrace);
  next_.elector.Grant(2);
  next_.loop.RunOnce();
  EXPECT_THAT(world_.memory.ReadFence()->outages, IsEmpty());
}

TEST_F(LoopOutageTest, NothingIsWrittenUntilTheOutageIsSaved) {
  const std::vector<Schedule> schedules = InsertMany(1, CatchUp::kSkip);
  world_.clock.Advance(absl::Minutes(10));
  world_.store.set_fault([](const std::string& op, bool after) {
    return op == "set_outages" && !after ? absl::UnavailableError("no") : absl::OkStatus();
  });
  old_.elector.Grant(1);
  Run(absl::Seconds(10));
  EXPECT_THAT(world_.Rows(schedules[0]), IsEmpty());
  EXPECT_EQ(world_.memory.ReadFence()->live_at, absl::InfinitePast());
}

TEST_F(LoopOutageTest, AProcessThatStoodStillAndThenDiesLeavesItsOutageToo) {
  const std::vector<Schedule> schedules = InsertMany(300, CatchUp::kSkip);
  next_.Connect(link_);
  old_.elector.Grant(1);
  Run(absl::Seconds(30));
  world_.clock.Advance(absl::Minutes(10));
  DieAfter(1);
  old_.Settle();
  ASSERT_EQ(committed_, 1);
  Die();
  next_.elector.Grant(2);
  next_.Settle();
  for (const Schedule& schedule : schedules) {
    EXPECT_EQ(Missed(schedule), 9) << schedule.name;
    EXPECT_THAT(Fired(schedule), ElementsAre(10)) << schedule.name;
  }
}

}  // namespace
}  // namespace z4j::scheduler
