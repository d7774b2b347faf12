#include "services/scheduler/store/memory_schedule_store.h"

#include <gtest/gtest.h>

#include "services/base/testing/simulated_clock.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {

INSTANTIATE_TEST_SUITE_P(Memory, ScheduleStoreContract,
                         testing::Values(StoreUnderTest{
                             "Store",
                             [] {
                               static SystemClock clock;
                               return std::make_unique<MemoryScheduleStore>(clock);
                             }}),
                         NameOfStore);

TEST(MemoryScheduleStoreTest, APositionHoldsUntilWhatFollowedItIsForgotten) {
  SimulatedClock clock(At(100));
  MemoryScheduleStore store(clock);
  WriteSet write;
  write.inserted = {Sample("a")};
  write.fires = {ManualFire(Sample("a").schedule.id, At(1), "r")};
  ASSERT_OK_AND_ASSIGN(const WrittenFires before, store.ListWritten("", "", 10));
  ASSERT_OK(store.Transact({}, {}, [&](const ReadSet&) { return write; }));
  ASSERT_OK_AND_ASSIGN(const WrittenFires after, store.ListWritten("", "", 10));
  ASSERT_OK(store.RaiseFence({1}, "n"));
  clock.Advance(kWrittenKept);
  ASSERT_OK(store.Prune({1}, At(0), 10));
  EXPECT_OK(store.ListWritten(before.next, "", 10));
  clock.Advance(absl::Seconds(1));
  ASSERT_OK(store.Prune({1}, At(0), 10));
  EXPECT_THAT(store.ListWritten(before.next, "", 10), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(store.ListWritten(after.next, "", 10));
}

}  // namespace z4j::scheduler
