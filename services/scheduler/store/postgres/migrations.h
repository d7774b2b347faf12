#ifndef Z4J_SCHEDULER_STORE_POSTGRES_MIGRATIONS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_MIGRATIONS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/scheduler/store/migration.h"
#include "services/scheduler/store/postgres/pq.h"

namespace z4j::scheduler {

// The files of store/migrations/postgres, in order; built into the program.
absl::Span<const Migration> PostgresMigrations();

// Brings the schema to version migrations.size(), each step in a transaction of its own; several
// nodes may start at once.  FAILED_PRECONDITION, naming both versions, if the schema is newer.
// The connection's deadline bounds each step.
absl::Status RunMigrations(pq::Connection& connection, absl::Span<const Migration> migrations);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_MIGRATIONS_H_
