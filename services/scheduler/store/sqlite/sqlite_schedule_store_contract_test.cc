#include <gtest/gtest.h>

#include "services/scheduler/store/contract/schedule_store_contract.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"
#include "services/scheduler/store/sqlite/testing/temporary_folder.h"

namespace z4j::scheduler {
namespace {

std::unique_ptr<ScheduleStore> Make() {
  static SystemClock clock;
  // One folder for the process; each store its own file.
  static const sqlite::TemporaryFolder folder;
  auto store = SqliteScheduleStore::Open({.path = folder.NewPath(), .pages_max = 0}, clock);
  EXPECT_OK(store);
  if (!store.ok()) return nullptr;
  EXPECT_OK((*store)->Migrate());
  return *std::move(store);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, ScheduleStoreContract,
                         testing::Values(StoreUnderTest{"Store", Make}), NameOfStore);

}  // namespace
}  // namespace z4j::scheduler
