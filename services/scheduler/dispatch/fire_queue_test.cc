#include "services/scheduler/dispatch/fire_queue.h"

#include <gmock/gmock.h>

#include "services/scheduler/dispatch/backoff.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using Place = FireQueue::Place;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const MonoTime kMono = {absl::Hours(1)};

ScheduleId Schedule(uint8_t number) {
  ScheduleId id;
  id.value.bytes[15] = number;
  return id;
}

QueuedFire MakeFire(uint8_t schedule, int due_s, const std::string& queue = "",
                    absl::Duration jitter = absl::ZeroDuration()) {
  auto task = std::make_shared<TaskTemplate>();
  task->queue = queue;
  auto target = std::make_shared<DispatchTarget>();
  target->engine = "celery";
  target->task = task;
  QueuedFire fire;
  fire.key = {Schedule(schedule), kNow + absl::Seconds(due_s), {}};
  fire.id = MakeFireId(fire.key);
  fire.dispatch_after = fire.key.due_at + jitter;
  fire.target = target;
  return fire;
}

std::vector<int> ReadyDues(FireQueue& queue) {
  std::vector<int> dues;
  for (auto& [key, pool] : queue.pools()) {
    for (const FireQueue::Entry* entry : pool.ready) {
      dues.push_back(absl::ToInt64Seconds(entry->fire.key.due_at - kNow));
    }
  }
  return dues;
}

TEST(FireQueueTest, HandsOutSchedulesInDueOrder) {
  FireQueue queue;
  EXPECT_TRUE(queue.Add(MakeFire(1, -5), kNow));
  EXPECT_TRUE(queue.Add(MakeFire(2, -9), kNow));
  EXPECT_TRUE(queue.Add(MakeFire(3, -7), kNow));
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-9, -7, -5));
}

TEST(FireQueueTest, FiresThatOtherInstancesMayTakeWaitApart) {
  FireQueue queue;
  const auto add = [&](uint8_t schedule, std::map<std::string, std::string> labels, int slot) {
    QueuedFire fire = MakeFire(schedule, -5);
    auto target = std::make_shared<DispatchTarget>(*fire.target);
    target->labels = std::move(labels);
    target->affinity_slot = slot;
    fire.target = target;
    queue.Add(std::move(fire), kNow);
  };
  add(1, {}, kNoAffinity);
  add(2, {{"region", "eu"}}, kNoAffinity);
  add(3, {{"region", "eu"}}, 7);
  add(4, {{"region", "eu"}}, 7);
  EXPECT_EQ(queue.pools().size(), 3);
  EXPECT_EQ(queue.SizeOf("celery"), 4);
  EXPECT_EQ(queue.SizeOf("rq"), 0);
}

TEST(FireQueueTest, AFireThatWasNotTriedIsReadyAtOnceAndTheAttemptDoesNotCount) {
  FireQueue queue;
  const QueuedFire fire = MakeFire(1, -5);
  queue.Add(fire, kNow);
  FireQueue::Entry* entry = queue.Find(fire.id);
  queue.MarkInFlight(entry, nullptr, kMono);
  EXPECT_EQ(entry->fire.attempts, 1);
  queue.ReturnUntried(entry);
  EXPECT_EQ(entry->place, Place::kReady);
  EXPECT_EQ(entry->fire.attempts, 0);
}

TEST(FireQueueTest, OneFireOfAScheduleIsOnItsWayAtATime) {
  FireQueue queue;
  for (const int due : {-9, -8, -7}) queue.Add(MakeFire(1, due), kNow);
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-9));
  FireQueue::Entry* first = queue.Find(MakeFire(1, -9).id);
  queue.MarkInFlight(first, nullptr, kMono);
  EXPECT_THAT(ReadyDues(queue), ElementsAre());
  queue.Return(first, kMono + absl::Seconds(1), kMono);
  EXPECT_THAT(ReadyDues(queue), ElementsAre());
  EXPECT_EQ(queue.NextBackedOff(), kMono + absl::Seconds(1));
  queue.WakeDue(kNow, kMono + absl::Seconds(1));
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-9));
  queue.Settle(first, kNow);
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-8));
}

TEST(FireQueueTest, AnOlderFireThatIsReadLaterGoesFirst) {
  FireQueue queue;
  queue.Add(MakeFire(1, -7), kNow);
  queue.Add(MakeFire(1, -9), kNow);
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-9));
}

TEST(FireQueueTest, ManualFiresOvertakeTheirSchedule) {
  FireQueue queue;
  QueuedFire manual = MakeFire(1, -1);
  manual.key.trigger.bytes[0] = 1;
  manual.id = MakeFireId(manual.key);
  queue.Add(MakeFire(1, -9), kNow);
  queue.MarkInFlight(queue.Find(MakeFire(1, -9).id), nullptr, kMono);
  queue.Add(manual, kNow);
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-1));
  EXPECT_EQ(queue.OfSchedule(Schedule(1)).size(), 2);
}

TEST(FireQueueTest, KeepsWhatIsSettledSoThatItIsNotTakenTwice) {
  FireQueue queue;
  queue.Add(MakeFire(1, -9), kNow);
  EXPECT_FALSE(queue.Add(MakeFire(1, -9), kNow));
  queue.Settle(queue.Find(MakeFire(1, -9).id), kNow);
  EXPECT_FALSE(queue.Add(MakeFire(1, -9), kNow));
  EXPECT_EQ(queue.size(), 0);
  EXPECT_TRUE(queue.pools().empty());
  queue.Forget(MakeFire(1, -9).id);
  EXPECT_TRUE(queue.Add(MakeFire(1, -9), kNow));
}

TEST(FireQueueTest, AJitteredFireWaitsForItsTimeAndNoLonger) {
  FireQueue queue;
  queue.Add(MakeFire(1, 0, "", absl::Seconds(5)), kNow);
  EXPECT_EQ(queue.NextJittered(), kNow + absl::Seconds(5));
  queue.WakeDue(kNow + absl::Seconds(5) - absl::Microseconds(1), kMono);
  EXPECT_THAT(ReadyDues(queue), ElementsAre());
  queue.WakeDue(kNow + absl::Seconds(5), kMono);
  EXPECT_THAT(ReadyDues(queue), ElementsAre(0));
}

TEST(FireQueueTest, HasteningMakesBackedOffFiresReadyInDueOrder) {
  FireQueue queue;
  for (const uint8_t schedule : {1, 2, 3}) {
    queue.Add(MakeFire(schedule, -schedule), kNow);
    FireQueue::Entry* entry = queue.Find(MakeFire(schedule, -schedule).id);
    queue.MarkInFlight(entry, nullptr, kMono);
    queue.Return(entry, kMono + absl::Seconds(schedule * 7 % 5 + 1), kMono);
  }
  queue.Hasten("rq");
  EXPECT_THAT(ReadyDues(queue), ElementsAre());
  queue.Hasten("celery");
  EXPECT_THAT(ReadyDues(queue), ElementsAre(-3, -2, -1));
}

TEST(BackoffTest, DoublesUpToTheMaximumAndTakesOffAtMostHalf) {
  const RetryPolicy policy{0, absl::Seconds(1), absl::Seconds(10)};
  EXPECT_EQ(BackoffOf(policy, 1, 0), absl::Seconds(1));
  EXPECT_EQ(BackoffOf(policy, 3, 0), absl::Seconds(4));
  EXPECT_EQ(BackoffOf(policy, 60, 0), absl::Seconds(10));
  for (uint64_t random = 0; random < 5000; random += 7) {
    EXPECT_GE(BackoffOf(policy, 2, random), absl::Seconds(1));
    EXPECT_LE(BackoffOf(policy, 2, random), absl::Seconds(2));
  }
}

}  // namespace
}  // namespace z4j::scheduler
