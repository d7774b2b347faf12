#include "services/scheduler/store/sqlite/migrations.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler::sqlite {
namespace {

// In the file's header, so that a database of another program is not written to: "z4js".
constexpr int64_t kApplicationId = 0x7a346a73;

absl::StatusOr<int64_t> ReadNumber(Connection& connection, const char* sql) {
  ASSIGN_OR_RETURN(Statement statement, connection.Prepare(sql));
  ASSIGN_OR_RETURN(const bool found, statement.Step());
  return found ? statement.Int(0) : 0;
}

}  // namespace

absl::Status RunMigrations(Connection& connection, absl::Span<const Migration> migrations) {
  ASSIGN_OR_RETURN(Transaction transaction, connection.Begin());
  ASSIGN_OR_RETURN(const int64_t tables,
                   ReadNumber(connection, "SELECT count(*) FROM sqlite_schema"));
  ASSIGN_OR_RETURN(const int64_t owner, ReadNumber(connection, "PRAGMA application_id"));
  if (tables > 0 && owner != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.path(), " is a database of another program; name another file"));
  }
  ASSIGN_OR_RETURN(const int64_t version, ReadNumber(connection, "PRAGMA user_version"));
  const int64_t known = static_cast<int64_t>(migrations.size());
  if (version > known) {
    return absl::FailedPreconditionError(absl::StrCat(
        connection.path(), " has schema version ", version, ", but this program knows only ", known,
        "; start the newer program again, or restore a backup from before its first start"));
  }
  if (version == known) return absl::OkStatus();
  for (int64_t step = version; step < known; ++step) {
    RETURN_IF_ERROR(connection.Exec(migrations[step].sql));
  }
  RETURN_IF_ERROR(connection.Exec(
      absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", known)));
  return transaction.Commit();
}

}  // namespace z4j::scheduler::sqlite
