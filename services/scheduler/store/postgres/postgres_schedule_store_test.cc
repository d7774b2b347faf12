#include "services/scheduler/store/postgres/postgres_schedule_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "services/scheduler/store/contract/schedule_store_contract.h"
#include "services/scheduler/store/postgres/testing/postgres_database.h"

namespace z4j::scheduler {
namespace {

// A store that takes its database with it.
std::unique_ptr<ScheduleStore> MakeStore() {
  static std::optional<PostgresDatabase> database;  // Of the test before, or of this one.
  database.reset();
  database.emplace();
  auto store = std::make_unique<PostgresScheduleStore>(
      PostgresScheduleStore::Options{database->conninfo(), "node-1"});
  EXPECT_OK(store->Migrate());
  return store;
}

INSTANTIATE_TEST_SUITE_P(Postgres, ScheduleStoreContract,
                         testing::Values(StoreUnderTest{"postgres", &MakeStore}), NameOfStore);

}  // namespace
}  // namespace z4j::scheduler
