#ifndef Z4J_SCHEDULER_STORE_SQLITE_MIGRATIONS_H_
#define Z4J_SCHEDULER_STORE_SQLITE_MIGRATIONS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/scheduler/store/migration.h"
#include "services/scheduler/store/sqlite/sqlite.h"

namespace z4j::scheduler {

// The files of store/migrations/sqlite, in order; built into the program.
absl::Span<const Migration> SqliteMigrations();

namespace sqlite {

// Brings the schema to version migrations.size() in one transaction.  FAILED_PRECONDITION, naming
// both versions, if it is newer, or if the file is the database of another program.
absl::Status RunMigrations(Connection& connection, absl::Span<const Migration> migrations);

}  // namespace sqlite
}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_SQLITE_MIGRATIONS_H_
