#include "services/scheduler/dispatch/run_retries.h"

#include <gmock/gmock.h>

#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "services/scheduler/store/testing/forwarding_store.h"

namespace z4j::scheduler {
namespace {

// Counts how often fires are read, and may refuse.
class CountingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<NamedFire> GetFire(FireId id) override {
    ++reads;
    return ForwardingStore::GetFire(id);
  }
  absl::StatusOr<std::vector<NamedFire>> GetFires(absl::Span<const FireKey> keys) override {
    ++reads;
    if (!answer.ok()) return answer;
    return ForwardingStore::GetFires(keys);
  }

  int reads = 0;
  absl::Status answer;
};

class RunRetriesTest : public testing::Test {
 protected:
  RunRetriesTest() {
    fire_.key = {{Uuid::FromName({}, "schedule")}, clock_.Now() - absl::Minutes(1), {}};
    fire_.id = MakeFireId(fire_.key);
    fire_.args_json = "[1]";
    fire_.first_due_at = fire_.dispatch_after = fire_.decided_at = fire_.key.due_at;
    WriteSet write;
    StoredSchedule stored;
    stored.schedule.id = fire_.key.schedule;
    stored.schedule.project = stored.schedule.name = "a";
    write.inserted.push_back(stored);
    write.fires.push_back(fire_);
    EXPECT_OK(memory_.Transact({}, {}, [&](const ReadSet&) { return write; }));
    retries_.Set(fire_.key.schedule, policy_);
  }
  FireUpdate End(FireState state = FireState::kFailed) {
    FireUpdate update;
    update.key = fire_.key;
    update.id = fire_.id;
    update.state = state;
    update.at = clock_.Now();
    return update;
  }
  absl::Status Decide(std::vector<FireUpdate>& updates) {
    return retries_.Decide(store_, clock_.Now(), updates);
  }

  SimulatedClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  MemoryScheduleStore memory_{clock_};
  CountingStore store_{memory_};
  const RunRetry policy_ = {.max_attempts = 3, .initial_backoff = absl::Seconds(10)};
  RunRetries retries_;
  Fire fire_;
};

TEST_F(RunRetriesTest, AnEndThatIsRepeatedGetsItsRetryAndDecidingAgainTheSameOne) {
  std::vector<FireUpdate> updates = {End()};
  ASSERT_OK(Decide(updates));
  ASSERT_NE(updates[0].retry, nullptr);
  EXPECT_EQ(*updates[0].retry, RetryOf(fire_, clock_.Now() + absl::Seconds(10), clock_.Now()));
  const FireId first = updates[0].retry->id;
  ASSERT_OK(Decide(updates));
  EXPECT_EQ(updates[0].retry->id, first);
  retries_.Set(fire_.key.schedule, std::nullopt);
  ASSERT_OK(Decide(updates));
  EXPECT_EQ(updates[0].retry, nullptr);
}

TEST_F(RunRetriesTest, WhereNoScheduleHasAPolicyNothingIsRead) {
  retries_.Clear();
  std::vector<FireUpdate> updates = {End()};
  ASSERT_OK(Decide(updates));
  retries_.Set(fire_.key.schedule, policy_);
  std::vector<FireUpdate> fine = {End(FireState::kSucceeded), End(FireState::kRunning)};
  ASSERT_OK(Decide(fine));
  EXPECT_EQ(store_.reads, 0);
}

TEST_F(RunRetriesTest, AFireKnownByItsIdAloneIsFoundAndOneThatIsGoneIsLeft) {
  std::vector<FireUpdate> updates = {End(FireState::kRunning), End(), End()};
  updates[0].key = updates[1].key = updates[2].key = {};
  updates[2].id = {Uuid::Random()};
  ASSERT_OK(Decide(updates));
  EXPECT_EQ(updates[0].key, fire_.key);  // Both stay one fire, in their order.
  EXPECT_EQ(updates[1].key, fire_.key);
  EXPECT_NE(updates[1].retry, nullptr);
  EXPECT_EQ(updates[2].retry, nullptr);
}

TEST_F(RunRetriesTest, TheBackoffCountsFromTheEndAndAClockThatIsAheadProlongsNothing) {
  std::vector<FireUpdate> late = {End()};
  late[0].at = clock_.Now() - absl::Seconds(4);
  ASSERT_OK(Decide(late));
  EXPECT_EQ(late[0].retry->dispatch_after, clock_.Now() + absl::Seconds(6));
  std::vector<FireUpdate> ahead = {End()};
  ahead[0].at = clock_.Now() + absl::Hours(1);
  ASSERT_OK(Decide(ahead));
  EXPECT_EQ(ahead[0].retry->dispatch_after, clock_.Now() + absl::Seconds(10));
}

TEST_F(RunRetriesTest, IfTheRowsCannotBeReadItIsDecidedLater) {
  std::vector<FireUpdate> updates = {End()};
  store_.answer = absl::UnavailableError("away");
  EXPECT_THAT(Decide(updates), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(updates[0].retry, nullptr);
  store_.answer = absl::OkStatus();
  ASSERT_OK(Decide(updates));
  EXPECT_NE(updates[0].retry, nullptr);
}

TEST_F(RunRetriesTest, AFireThatHasEndedAlreadyIsNotRepeatedAgain) {
  ASSERT_OK(memory_.RaiseFence({1}, "a"));
  ASSERT_OK(memory_.UpdateFires({1}, {End(FireState::kSucceeded)}, {}));
  std::vector<FireUpdate> updates = {End()};
  ASSERT_OK(Decide(updates));
  EXPECT_EQ(updates[0].retry, nullptr);
}

TEST_F(RunRetriesTest, OnLostFailTurnsTheEndIntoAFailureThatIsNotRepeated) {
  RunRetry policy = policy_;
  policy.on_lost = OnLost::kFail;
  retries_.Set(fire_.key.schedule, policy);
  std::vector<FireUpdate> updates = {End(FireState::kLost)};
  ASSERT_OK(Decide(updates));
  EXPECT_EQ(updates[0].state, FireState::kFailed);
  EXPECT_EQ(updates[0].reason, FireReason::kWorkerLost);
  EXPECT_EQ(updates[0].retry, nullptr);
}

}  // namespace
}  // namespace z4j::scheduler
