// Outcomes that nobody heard: which fires adapters are asked after, and when.
#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/loop_world.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

std::shared_ptr<MemoryLink> LinkThatLooksUp(const std::string& instance) {
  auto link = std::make_shared<MemoryLink>(instance);
  link->info().capabilities.lookup = true;
  return link;
}

class FireLoopLookUpTest : public testing::Test {
 protected:
  // A schedule that has fired once; the broker has the fire.
  Schedule Fired(int number) {
    Schedule schedule = world_.Make(number);
    schedule.spec = OneShotSpec{world_.clock.Now() + absl::Seconds(1)};
    world_.Insert({schedule});
    Run(absl::Seconds(3));
    return schedule;
  }
  void Lead() {
    node_.elector.Grant(++token_);
    node_.Settle();
  }
  void Run(absl::Duration total) { world_.Run(total, absl::Seconds(1), {&node_}); }
  // What was asked since the last call, in its order.
  std::vector<FireId> Asked() {
    std::vector<FireId> ids;
    for (const auto& fires : link_->TakeLookUps()) {
      for (const FireRef& fire : fires) ids.push_back(fire.id);
    }
    return ids;
  }
  FireId IdOf(const Schedule& schedule) { return world_.Rows(schedule).front().id; }

  LoopWorld world_{kStart};
  LoopNode node_{"a", world_.store, world_.clock};
  std::shared_ptr<MemoryLink> link_ = LinkThatLooksUp("one");
  int64_t token_ = 0;
};

TEST_F(FireLoopLookUpTest, AFireWithoutReportIsLookedUpAfterAMinuteAndHealsSo) {
  node_.Connect(link_);
  Lead();
  const Schedule schedule = Fired(1);
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kDispatched));
  Run(absl::Seconds(50));
  EXPECT_THAT(Asked(), IsEmpty());
  Run(absl::Seconds(15));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(schedule)));
  node_.Tell(node_.accepted.front(), FireState::kSucceeded, world_.clock.Now());
  node_.dispatcher.OnLookedUp(*link_);
  node_.Settle();
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kSucceeded));
  Run(absl::Minutes(10));
  EXPECT_THAT(Asked(), IsEmpty());
}

TEST_F(FireLoopLookUpTest, ARunIsAskedAfterUntilItsEndAndOneThatWasReportedNever) {
  node_.Connect(link_);
  Lead();
  const Schedule running = Fired(1), done = Fired(2);
  node_.Tell(node_.accepted[0], FireState::kRunning, world_.clock.Now());
  node_.Tell(node_.accepted[1], FireState::kSucceeded, world_.clock.Now());
  Run(absl::Seconds(70));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(running)));
  node_.dispatcher.OnLookedUp(*link_);
  Run(absl::Minutes(1));
  EXPECT_THAT(Asked(), IsEmpty());
  Run(absl::Minutes(1));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(running)));
}

TEST_F(FireLoopLookUpTest, ANewAdapterIsAskedAtOnceAfterWhatTheOneBeforeTook) {
  const auto before = LinkThatLooksUp("before");
  node_.Connect(before);
  Lead();
  const Schedule schedule = Fired(1);
  node_.Disconnect(before);
  node_.Connect(link_);
  node_.Settle();
  EXPECT_THAT(Asked(), ElementsAre(IdOf(schedule)));
}

TEST_F(FireLoopLookUpTest, ANewTermReadsTheStoreNewestFirst) {
  node_.Connect(link_);
  Lead();
  const std::vector<Schedule> schedules = {Fired(1), Fired(2), Fired(3)};
  node_.Tell(node_.accepted[1], FireState::kSucceeded, world_.clock.Now());
  node_.Settle();
  node_.elector.Revoke();
  node_.Settle();
  Asked();
  Lead();
  Run(absl::Seconds(2));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(schedules[2]), IdOf(schedules[0])));
}

TEST_F(FireLoopLookUpTest, WhatAnAdapterWithoutLookUpsTookIsReadWhenOneComesThatHasThem) {
  const auto blind = std::make_shared<MemoryLink>("blind");
  node_.Connect(blind);
  Lead();
  const Schedule schedule = Fired(1);
  Run(absl::Minutes(5));
  EXPECT_THAT(blind->TakeLookUps(), IsEmpty());
  node_.Connect(link_);
  Run(absl::Seconds(2));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(schedule)));
}

TEST_F(FireLoopLookUpTest, AnAdapterThatLearnsToLookUpIsAskedThen) {
  link_->info().capabilities.lookup = false;
  node_.Connect(link_);
  Lead();
  const Schedule schedule = Fired(1);
  link_->info().capabilities.lookup = true;
  node_.dispatcher.OnHeartbeat(*link_, 0, "");
  Run(absl::Seconds(2));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(schedule)));
  node_.dispatcher.OnLookedUp(*link_);
  node_.dispatcher.OnHeartbeat(*link_, 0, "");
  Run(absl::Seconds(2));
  EXPECT_THAT(Asked(), IsEmpty());
}

TEST_F(FireLoopLookUpTest, ManyFiresAreAskedAfterInBatchesEachAfterTheAnswerToTheOneBefore) {
  node_.Connect(link_);
  Lead();
  std::vector<Schedule> schedules;
  for (int i = 1; i <= kFiresPerLookUp + 3; ++i) schedules.push_back(world_.Make(i));
  world_.Insert(schedules);
  Run(absl::Seconds(70));  // All fire on the whole minute.
  Run(absl::Seconds(55));
  std::vector<std::vector<FireRef>> asked = link_->TakeLookUps();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0], SizeIs(kFiresPerLookUp));
  node_.dispatcher.OnLookedUp(*link_);
  node_.Settle();
  asked = link_->TakeLookUps();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0], SizeIs(3));
}

TEST_F(FireLoopLookUpTest, AdaptersAreAskedInTurnBecauseOneMayKnowWhatAnotherDoesNot) {
  const auto other = LinkThatLooksUp("other");
  node_.Connect(link_);
  node_.Connect(other);
  Lead();
  const Schedule schedule = Fired(1);
  std::vector<size_t> asked(2);
  for (int minute = 0; minute < 4; ++minute) {
    Run(absl::Minutes(1));
    asked[0] += Asked().size();
    asked[1] += other->TakeLookUps().size();
    node_.dispatcher.OnLookedUp(*link_);
    node_.dispatcher.OnLookedUp(*other);
  }
  EXPECT_THAT(asked, ElementsAre(1, 1));
}

TEST_F(FireLoopLookUpTest, ANewTermLooksUpTheFiresOfADeletedSchedule) {
  node_.Connect(link_);
  Lead();
  const Schedule deleted = Fired(1), kept = Fired(2);
  world_.Delete(deleted);
  node_.Settle();
  node_.elector.Revoke();
  node_.Settle();
  Asked();
  Lead();
  Run(absl::Seconds(2));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(kept), IdOf(deleted)));
}

TEST_F(FireLoopLookUpTest, TheAdapterThatTookAFireIsAskedFirstAlsoByANewLeader) {
  node_.Connect(link_);
  Lead();
  const Schedule schedule = Fired(1);
  node_.elector.Revoke();
  node_.Settle();
  // One that was never asked, and was there first.
  const auto other = LinkThatLooksUp("other");
  node_.Disconnect(link_);
  node_.Connect(other);
  link_ = LinkThatLooksUp("one");
  node_.Connect(link_);
  Lead();
  Run(absl::Seconds(2));
  EXPECT_THAT(Asked(), ElementsAre(IdOf(schedule)));
  EXPECT_THAT(other->TakeLookUps(), IsEmpty());
  // It does not know: then the other one is asked.
  node_.dispatcher.OnLookedUp(*link_);
  Run(absl::Minutes(2));
  EXPECT_THAT(Asked(), IsEmpty());
  EXPECT_THAT(other->TakeLookUps(), SizeIs(1));
}

TEST_F(FireLoopLookUpTest, AnAdapterThatDoesNotAnswerIsAskedAgainAfterTwoMinutes) {
  node_.Connect(link_);
  Lead();
  Fired(1);
  Run(absl::Minutes(1));
  EXPECT_THAT(Asked(), SizeIs(1));
  Run(kAnswerMax);
  Run(absl::Minutes(1));
  EXPECT_THAT(Asked(), SizeIs(1));
}

}  // namespace
}  // namespace z4j::scheduler
