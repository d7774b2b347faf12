#include "services/scheduler/store/postgres/migrations.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

// Any number that no other program takes: "z4j" and a counter.
constexpr char kLock[] = "SELECT pg_advisory_xact_lock(x'7a346a0000000001'::bigint)";

// One step under the lock; `version` is where the schema stands then.
absl::Status Step(pq::Connection& connection, absl::Span<const Migration> migrations,
                  int64_t& version) {
  static const auto* const read = new pq::Statement{"", "SELECT max(version) FROM schema_version"};
  static const auto* const write =
      new pq::Statement{"", "INSERT INTO schema_version (version, name) VALUES ($1, $2)"};

  RETURN_IF_ERROR(connection.Ensure());
  RETURN_IF_ERROR(connection.Script(
      absl::StrCat("BEGIN; ", kLock,
                   "; CREATE TABLE IF NOT EXISTS schema_version (version bigint PRIMARY KEY, "
                   "name text NOT NULL, at timestamptz NOT NULL DEFAULT now())")));
  ASSIGN_OR_RETURN(const pq::Result row, connection.Run(*read, {}));
  version = row.Int(0, 0);  // NULL, read as 0, before the first step.
  const int64_t known = static_cast<int64_t>(migrations.size());
  if (version > known) {
    RETURN_IF_ERROR(connection.Script("ROLLBACK"));
    return absl::FailedPreconditionError(absl::StrCat("the database has schema version ", version,
                                                      ", this program knows versions up to ", known,
                                                      "; run a newer program"));
  }
  if (version < known) {
    const Migration& next = migrations[version];
    RETURN_IF_ERROR(connection.Script(next.sql));
    RETURN_IF_ERROR(
        connection.Run(*write, pq::Params().Int8(version + 1).Text(next.name)).status());
    ++version;
  }
  return connection.Script("COMMIT");
}

}  // namespace

absl::Status RunMigrations(pq::Connection& connection, absl::Span<const Migration> migrations) {
  int64_t version = -1;
  while (version < static_cast<int64_t>(migrations.size())) {
    RETURN_IF_ERROR(Step(connection, migrations, version));
  }
  return absl::OkStatus();
}

}  // namespace z4j::scheduler
