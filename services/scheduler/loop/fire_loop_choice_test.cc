// Which adapter gets a fire: labels, queues, affinity keys, and adapters that are being stopped.
#include <gmock/gmock.h>

#include <set>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/loop_world.h"

namespace z4j::scheduler {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

class FireLoopChoiceTest : public testing::Test {
 protected:
  void Lead(const std::vector<Schedule>& schedules) {
    world_.Insert(schedules);
    node_.elector.Grant(1);
    node_.Settle();
  }
  void Run(absl::Duration total) { world_.Run(total, absl::Seconds(1), {&node_}); }
  // A minute goes by, and what it brings is sent but not answered.
  void SendAMinute() {
    world_.clock.Advance(absl::Minutes(1));
    node_.loop.RunOnce();
    node_.dispatcher.RunOnce();
  }
  // The adapters that took the schedule's fires.
  std::set<std::string> TakersOf(const Schedule& schedule) {
    std::set<std::string> takers;
    for (const Fire& fire : world_.Rows(schedule)) takers.insert(fire.adapter);
    return takers;
  }
  LoopWorld world_{kStart};
  LoopNode node_{"a", world_.store, world_.clock};
  std::shared_ptr<MemoryLink> one_ = std::make_shared<MemoryLink>("one");
  std::shared_ptr<MemoryLink> two_ = std::make_shared<MemoryLink>("two");
};

TEST_F(FireLoopChoiceTest, FiresWaitForAnAdapterWithAllTheirLabelsAndSayWhatIsMissing) {
  Schedule european = world_.Make(1), anywhere = world_.Make(2);
  european.adapter_labels = {{"region", "eu"}};
  one_->info().labels = {{"region", "us"}};
  two_->info().labels = {{"region", "eu"}, {"tier", "gold"}};
  node_.Connect(one_);
  Lead({european, anywhere});
  Run(absl::Minutes(3));
  EXPECT_THAT(world_.States(european), Each(FireState::kPending));
  EXPECT_THAT(TakersOf(anywhere), ElementsAre("one"));
  const WaitCause cause = node_.dispatcher.WhyWaits(RouteOf(european));
  EXPECT_EQ(cause.reason, FireReason::kNoAdapter);
  EXPECT_THAT(cause.note, HasSubstr("has the label region=eu"));
  ASSERT_THAT(node_.dispatcher.Engines(), SizeIs(1));
  EXPECT_EQ(node_.dispatcher.Engines()[0].note, cause.note);
  node_.Connect(two_);
  Run(absl::Minutes(1));
  EXPECT_THAT(world_.States(european), Each(FireState::kDispatched));
  EXPECT_THAT(TakersOf(european), ElementsAre("two"));
  EXPECT_EQ(node_.dispatcher.WhyWaits(RouteOf(european)).reason, FireReason::kNone);
}

TEST_F(FireLoopChoiceTest, AQueueFindsTheInstanceThatPublishesToIt) {
  Schedule mail = world_.Make(1), reports = world_.Make(2), nobody = world_.Make(3);
  mail.queue = "mail";
  reports.queue = "reports";
  nobody.queue = "other";
  one_->info().queues = {"mail"};
  two_->info().queues = {"reports"};
  node_.Connect(one_);
  node_.Connect(two_);
  Lead({mail, reports, nobody});
  Run(absl::Minutes(3));
  EXPECT_THAT(TakersOf(mail), ElementsAre("one"));
  EXPECT_THAT(TakersOf(reports), ElementsAre("two"));
  EXPECT_THAT(world_.States(nobody), Each(FireState::kPending));
  EXPECT_THAT(node_.dispatcher.WhyWaits(RouteOf(nobody)).note, HasSubstr("queue 'other'"));
}

TEST_F(FireLoopChoiceTest, AnAffinityKeyKeepsItsAdapterUntilThatIsGone) {
  std::vector<Schedule> schedules;
  for (int i = 0; i < 40; ++i) {
    schedules.push_back(world_.Make(i));
    schedules.back().affinity_key = absl::StrCat("customer ", i / 2);
  }
  node_.Connect(one_);
  node_.Connect(two_);
  Lead(schedules);
  Run(absl::Minutes(3));
  int at_one = 0;
  for (int i = 0; i < 40; i += 2) {
    EXPECT_THAT(TakersOf(schedules[i]), SizeIs(1));
    EXPECT_EQ(TakersOf(schedules[i]), TakersOf(schedules[i + 1]));
    at_one += TakersOf(schedules[i]).contains("one");
  }
  EXPECT_GT(at_one, 2);
  EXPECT_LT(at_one, 18);
  node_.Disconnect(two_);
  Run(absl::Minutes(1));
  for (const Schedule& schedule : schedules) {
    EXPECT_THAT(world_.States(schedule), Each(FireState::kDispatched));
    EXPECT_EQ(world_.Rows(schedule).back().adapter, "one");
  }
}

TEST_F(FireLoopChoiceTest, WhatWaitsForAFullAdapterHoldsBackNobodyElse) {
  one_->info().max_in_flight = 1;
  node_.Connect(one_);
  node_.Connect(two_);
  std::vector<Schedule> schedules;
  for (int i = 0; i < 100; ++i) {
    schedules.push_back(world_.Make(i));
    schedules.back().affinity_key = absl::StrCat(i);
  }
  schedules.push_back(world_.Make(1000));
  Lead(schedules);
  SendAMinute();
  const size_t full = one_->TakeSent().size(), others = two_->TakeSent().size();
  EXPECT_EQ(full, 1);
  EXPECT_GT(others, 25);
  EXPECT_LT(others, 75);
  EXPECT_EQ(node_.dispatcher.queued(), 101);
  EXPECT_EQ(node_.dispatcher.WhyWaits({"celery"}).reason, FireReason::kNone);
}

TEST_F(FireLoopChoiceTest, AnAdapterThatIsBeingStoppedGivesBackWhatItDidNotTryAtNoCost) {
  Schedule schedule = world_.Make(1);
  schedule.retry.max_attempts = 1;
  node_.Connect(one_);
  Lead({schedule});
  SendAMinute();
  const std::vector<DispatchItem> sent = one_->TakeSent();
  ASSERT_THAT(sent, SizeIs(1));
  node_.Connect(two_);
  node_.dispatcher.OnResults(*one_, Answers(sent, DispatchCode::kReturned));
  node_.Settle();
  ASSERT_THAT(node_.accepted, SizeIs(1));
  EXPECT_EQ(node_.accepted[0].attempt, 1);
  EXPECT_EQ(node_.accepted[0].id, sent[0].id);
  EXPECT_THAT(TakersOf(schedule), ElementsAre("two"));
  // It gets nothing more, though it never said that it leaves.
  Run(absl::Minutes(5));
  EXPECT_THAT(one_->TakeSent(), IsEmpty());
  EXPECT_THAT(TakersOf(schedule), ElementsAre("two"));
}

TEST_F(FireLoopChoiceTest, WhoTakesThePlaceOfTheOnlyAdapterHasTimeToCome) {
  Schedule schedule = world_.Make(1);
  schedule.catch_up_window = absl::ZeroDuration();
  node_.Connect(one_);
  Lead({schedule});
  Run(absl::Seconds(50));
  node_.dispatcher.OnLeaving(*one_);
  EXPECT_TRUE(node_.dispatcher.Adapters()[0].leaving);
  Run(absl::Seconds(20));  // As long as it may take.
  EXPECT_THAT(one_->TakeSent(), IsEmpty());
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kPending));
  EXPECT_THAT(node_.dispatcher.WhyWaits({"celery"}).note, HasSubstr("being stopped"));
  node_.Disconnect(one_);
  Run(absl::Seconds(20));
  node_.Connect(two_);
  node_.Settle();
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kDispatched));
  EXPECT_THAT(TakersOf(schedule), ElementsAre("two"));
}

TEST_F(FireLoopChoiceTest, WhatAnAdapterTookThatLeavesAnotherIsAskedAfterAtOnce) {
  for (const auto& link : {one_, two_}) link->info().capabilities.lookup = true;
  Schedule schedule = world_.Make(1);
  node_.Connect(one_);
  Lead({schedule});
  Run(absl::Minutes(1));
  node_.Connect(two_);
  node_.Settle();
  one_->TakeLookUps();
  two_->TakeLookUps();
  Run(absl::Seconds(1));
  node_.Disconnect(one_);
  node_.dispatcher.OnLookedUp(*two_);
  node_.Settle();
  const auto asked = two_->TakeLookUps();
  ASSERT_THAT(asked, SizeIs(1));
  ASSERT_THAT(asked[0], SizeIs(1));
  EXPECT_EQ(asked[0][0].id, node_.accepted[0].id);
}

TEST_F(FireLoopChoiceTest, QueuesTakeTurnsAlsoWhenThereIsRoomForOneAtATime) {
  std::vector<Schedule> schedules;
  for (int i = 0; i < 20; ++i) {
    schedules.push_back(world_.Make(i));
    schedules.back().queue = i < 18 ? "big" : "small";
  }
  one_->info().max_in_flight = 1;
  node_.Connect(one_);
  Lead(schedules);
  SendAMinute();
  std::vector<std::string> queues;
  for (int i = 0; i < 4; ++i) {
    const std::vector<DispatchItem> sent = one_->TakeSent();
    ASSERT_THAT(sent, SizeIs(1));
    queues.push_back(sent[0].task->queue);
    node_.dispatcher.OnResults(*one_, Answers(sent, DispatchCode::kAccepted));
    node_.dispatcher.RunOnce();
  }
  EXPECT_THAT(queues, ElementsAre("big", "small", "big", "small"));
}

}  // namespace
}  // namespace z4j::scheduler
