#include <gmock/gmock.h>

#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

// The retry that goes with the end of a run.
namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// The end of `fire` that brings its retry.
FireUpdate EndOf(const Fire& fire, FireState state, double at) {
  FireUpdate end = UpdateOf(fire, state, At(at));
  end.retry = std::make_shared<Fire>(RetryOf(fire, At(at + 10), At(at + 1)));
  return end;
}

TEST_P(ScheduleStoreContract, ARetryIsWrittenWithTheEndThatBringsIt) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  const FireUpdate end = EndOf(fire, FireState::kFailed, 5);
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(fire, FireState::kRunning, At(4)), end}, {}));
  EXPECT_EQ(Read(fire).state, FireState::kFailed);
  EXPECT_EQ(Read(*end.retry), *end.retry);
  ASSERT_OK_AND_ASSIGN(const std::vector<PendingFire> pending, store_->LoadPending(0, 10));
  ASSERT_THAT(pending, SizeIs(1));
  EXPECT_EQ(pending[0].fire, *end.retry);
  EXPECT_GT(pending[0].batch_id, 0);
}

TEST_P(ScheduleStoreContract, AnEndThatIsReportedAgainMakesNoSecondRetry) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  const FireUpdate end = EndOf(fire, FireState::kFailed, 5);
  ASSERT_OK(store_->UpdateFires(kToken, {end}, {}));
  ASSERT_OK(store_->UpdateFires(kToken, {end, end}, {}));
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(*end.retry, FireState::kRunning, At(6))}, {}));
  ASSERT_OK(store_->UpdateFires(kToken, {EndOf(fire, FireState::kLost, 7)}, {}));
  EXPECT_EQ(Read(*end.retry).state, FireState::kRunning);
  EXPECT_THAT(Pending(), IsEmpty());
  FireQuery query;
  query.project = "p";
  EXPECT_THAT(ListAllFires(query, 10), SizeIs(2));
}

TEST_P(ScheduleStoreContract, AFireThatHadEndedOtherwiseIsNotRepeated) {
  Lead();
  Insert({Sample("a")});
  const ScheduleId a = Sample("a").schedule.id;
  const Fire done = AutomaticFire(a, At(1)), cancelled = AutomaticFire(a, At(2));
  Commit({done, cancelled});
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(done, FireState::kSucceeded, At(4))}, {}));
  WriteSet write;
  write.cancelled = {cancelled.key};
  Write(write, "fire.cancel", a);
  ASSERT_OK(store_->UpdateFires(
      kToken, {EndOf(done, FireState::kFailed, 5), EndOf(cancelled, FireState::kFailed, 5)}, {}));
  EXPECT_THAT(Pending(), IsEmpty());
  EXPECT_EQ(Read(done).state, FireState::kSucceeded);
}

TEST_P(ScheduleStoreContract, AnEarlierEndInTheSameCallIsTheOneThatCounts) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  ASSERT_OK(store_->UpdateFires(
      kToken, {UpdateOf(fire, FireState::kSucceeded, At(4)), EndOf(fire, FireState::kFailed, 5)},
      {}));
  EXPECT_EQ(Read(fire).state, FireState::kSucceeded);
  EXPECT_THAT(Pending(), IsEmpty());
}

TEST_P(ScheduleStoreContract, ARunOfADeletedScheduleEndsAndIsNotRepeated) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(fire, FireState::kRunning, At(4))}, {}));
  Delete(Sample("a"));
  const FireUpdate end = EndOf(fire, FireState::kFailed, 5);
  ASSERT_OK(store_->UpdateFires(kToken, {end}, {}));
  EXPECT_EQ(Read(fire).state, FireState::kFailed);
  EXPECT_THAT(store_->GetFire(end.retry->id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Pending(), IsEmpty());
}

TEST_P(ScheduleStoreContract, AFencedLeaderWritesNeitherTheEndNorTheRetry) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  const FireUpdate end = EndOf(fire, FireState::kFailed, 5);
  EXPECT_THAT(store_->UpdateFires({kToken.value - 1}, {end}, {}),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(Read(fire), fire);
  EXPECT_THAT(store_->GetFire(end.retry->id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ScheduleStoreContract, ARetryThatWaitsIsCancelledWithItsSchedule) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  const FireUpdate end = EndOf(fire, FireState::kFailed, 5);
  ASSERT_OK(store_->UpdateFires(kToken, {end}, {}));
  Delete(Sample("a"));
  EXPECT_EQ(Read(*end.retry).state, FireState::kCancelled);
  EXPECT_EQ(Read(*end.retry).reason, FireReason::kScheduleDeleted);
}

TEST_P(ScheduleStoreContract, WhoeverFollowsWhatIsWrittenSeesARetryAndTheEndBeforeIt) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  ASSERT_OK_AND_ASSIGN(const WrittenFires before, store_->ListWritten("", "", 10));
  const FireUpdate end = EndOf(fire, FireState::kLost, 5);
  ASSERT_OK(store_->UpdateFires(kToken, {end}, {}));
  ASSERT_OK_AND_ASSIGN(const WrittenFires written, store_->ListWritten(before.next, "", 10));
  EXPECT_THAT(written.keys, testing::IsSupersetOf({fire.key, end.retry->key}));
}

TEST_P(ScheduleStoreContract, ARetryThatWaitsIsOpenForTheOverlapPolicy) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  const FireUpdate end = EndOf(fire, FireState::kFailed, 5);
  ASSERT_OK(store_->UpdateFires(kToken, {end}, {}));
  ASSERT_OK_AND_ASSIGN(const std::vector<Fire> open, store_->LoadOpen({fire.key.schedule}));
  EXPECT_THAT(open, ElementsAre(*end.retry));
}

}  // namespace
}  // namespace z4j::scheduler
