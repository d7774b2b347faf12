#include "services/scheduler/store/memory_schedule_store.h"

#include <gtest/gtest.h>

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

}  // namespace z4j::scheduler
