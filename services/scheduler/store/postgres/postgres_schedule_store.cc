#include "services/scheduler/store/postgres/postgres_schedule_store.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/postgres/migrations.h"
#include "services/scheduler/store/postgres/retry.h"

namespace z4j::scheduler {
namespace {

// PostgreSQL gives up a little before we do, so that its answer still reaches us.  A node that
// freezes inside a transaction loses it, and with it the locks that everybody waits for.
std::string Limits(absl::string_view lock_timeout) {
  return absl::StrCat(
      "SET statement_timeout = ",
      absl::ToInt64Milliseconds(kStoreTimeout - absl::Milliseconds(200)), "; SET lock_timeout = '",
      lock_timeout,
      "'; SET idle_in_transaction_session_timeout = '1s'; SET jit = off; SET TimeZone = 'UTC'; ");
}

// For statements that look rows up by key, whose parameters are arrays of any length.  The plan is
// made once, perhaps while a new partition is still empty, and must be good for millions of rows
// and whatever the statistics say: walk the array, and for each element the key's index.
constexpr char kByKey[] =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
    "SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET enable_material = off; SET enable_memoize = off";

// For scans that are read to their end.
constexpr char kByQuery[] = "SET cursor_tuple_fraction = 1";

pq::ConnectionOptions Kind(const PostgresScheduleStore::Options& options, absl::string_view role,
                           const std::string& settings) {
  return {options.conninfo, absl::StrCat("z4j:", role, ":", options.holder), settings,
          kStoreTimeout};
}

constexpr absl::Duration kMaintenanceTimeout = absl::Minutes(1);

pq::ConnectionOptions Maintenance(const PostgresScheduleStore::Options& options) {
  return {options.conninfo, absl::StrCat("z4j:maintain:", options.holder),
          // Changing partitions locks the whole table, and everybody queues behind the waiting.
          "SET lock_timeout = '200ms'; SET statement_timeout = '50s'; SET TimeZone = 'UTC'; "
          "SET idle_in_transaction_session_timeout = '1s'",
          kMaintenanceTimeout};
}

}  // namespace

PostgresScheduleStore::PostgresScheduleStore(const Options& options)
    : commit_(Kind(options, "commit", Limits("500ms") + kByKey), 2),
      update_(Kind(options, "update", Limits("500ms") + kByKey), 1),
      mutate_(Kind(options, "mutate", Limits("1500ms") + kByKey), 1),
      control_(Kind(options, "control", Limits("1500ms") + kByKey), 1),
      lookup_(Kind(options, "lookup", Limits("500ms") + kByKey), 2),
      read_(Kind(options, "read", Limits("500ms") + kByQuery), 4),
      maintain_(Maintenance(options), 1),
      listener_(Kind(options, "listen", "SET TimeZone = 'UTC'")) {}

absl::Status PostgresScheduleStore::Migrate() {
  return WithConnection(maintain_, IfLost::kReport, [&](pq::Connection& connection) {
    RETURN_IF_ERROR(connection.Script("SET lock_timeout = '45s'"));
    const absl::Status migrated = RunMigrations(connection, PostgresMigrations());
    if (connection.is_open()) {
      RETURN_IF_ERROR(connection.Ensure());
      RETURN_IF_ERROR(connection.Script("SET lock_timeout = '200ms'"));
    }
    RETURN_IF_ERROR(migrated);
    return partitions_.MakeComingDays(connection);
  });
}

absl::Status PostgresScheduleStore::AwaitChange(absl::Duration timeout) {
  return listener_.Await(timeout);
}

}  // namespace z4j::scheduler
