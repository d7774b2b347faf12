#include "services/scheduler/store/postgres/partitions.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/postgres/pq_status.h"

namespace z4j::scheduler {
namespace {

constexpr int kDaysAhead = 3;
constexpr absl::Duration kPeriod = absl::Hours(1);

// Locks that others hold are asked for again another time.
bool IsForLater(const absl::Status& status) {
  const std::string state = pq::SqlStateOf(status);
  return state == "55P03" ||                      // Lock not available within lock_timeout.
         state == "23514" ||                      // fires_default got a row of the day meanwhile.
         state == "42P07" || state == "23505" ||  // Another node made it at the same time.
         pq::IsConflict(status);
}

absl::Status InTransaction(pq::Connection& connection, const std::string& sql) {
  const absl::Status status = connection.Script(absl::StrCat("BEGIN;", sql, ";COMMIT"));
  if (!status.ok() && connection.is_open()) RETURN_IF_ERROR(connection.Ensure());  // Rolls back.
  return status;
}

absl::Status MakeDay(pq::Connection& connection, absl::CivilDay day) {
  const std::string name = absl::StrCat("fires_", absl::FormatCivilTime(day));
  std::string table = name;
  table.erase(std::remove(table.begin(), table.end(), '-'), table.end());
  const std::string from = absl::StrCat("'", absl::FormatCivilTime(day), " 00:00:00+00'");
  const std::string to = absl::StrCat("'", absl::FormatCivilTime(day + 1), " 00:00:00+00'");

  const pq::Statement wanted = {
      "",
      absl::StrCat("SELECT to_regclass('", table, "') IS NULL AND NOT EXISTS (",
                   "SELECT FROM fires_default WHERE due_at >= ", from, " AND due_at < ", to, ")")};
  ASSIGN_OR_RETURN(const pq::Result result, connection.Run(wanted, {}));
  if (!result.Bool(0, 0)) return absl::OkStatus();
  // ATTACH locks the parent less than CREATE … PARTITION OF.
  const absl::Status made =
      InTransaction(connection, absl::StrCat("CREATE TABLE ", table,
                                             " (LIKE fires INCLUDING ALL) WITH (fillfactor = 50);"
                                             "ALTER TABLE fires ATTACH PARTITION ",
                                             table, " FOR VALUES FROM (", from, ") TO (", to, ")"));
  return IsForLater(made) ? absl::OkStatus() : made;
}

// Brings back what is PENDING from a table that was a partition, and drops it.
absl::Status DropDetached(pq::Connection& connection, const std::string& table) {
  return InTransaction(connection, absl::StrCat("INSERT INTO fires SELECT * FROM ", table,
                                                " WHERE state = 1 ON CONFLICT DO NOTHING;"
                                                "DROP TABLE ",
                                                table));
}

}  // namespace

absl::Status Partitions::MakeComingDays(pq::Connection& connection) {
  const MonoTime now = SystemClock().MonoNow();
  {
    absl::MutexLock lock(&mu_);
    if (now - made_ < kPeriod) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const pq::Result clock, connection.Run({"", "SELECT now()"}, {}));
  const absl::CivilDay today = absl::ToCivilDay(clock.Time(0, 0), absl::UTCTimeZone());
  for (int day = -1; day <= kDaysAhead; ++day) RETURN_IF_ERROR(MakeDay(connection, today + day));
  absl::MutexLock lock(&mu_);
  made_ = now;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Partitions::DropOne(pq::Connection& connection, FencingToken token,
                                            absl::Time before) {
  {
    absl::MutexLock lock(&mu_);
    if (SystemClock().MonoNow() < look_again_) return 0;
  }
  // What a crash left between the two steps below.
  static const auto* const left_over = new pq::Statement{
      "",
      "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'r' AND NOT c.relispartition "
      "AND c.relname ~ '^fires_[0-9]{8}$' AND c.relnamespace = current_schema()::regnamespace"};
  ASSIGN_OR_RETURN(const pq::Result detached, connection.Run(*left_over, {}));
  for (int row = 0; row < detached.rows(); ++row) {
    RETURN_IF_ERROR(DropDetached(connection, detached.Text(row, 0)));
  }

  static const auto* const oldest = new pq::Statement{
      "",
      "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
      "WHERE i.inhparent = 'fires'::regclass AND c.relname ~ '^fires_[0-9]{8}$' "
      "AND to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= ($1 AT TIME ZONE 'UTC') "
      "ORDER BY c.relname"};
  ASSIGN_OR_RETURN(const pq::Result old, connection.Run(*oldest, pq::Params().Time(before)));
  for (int row = 0; row < old.rows(); ++row) {
    const std::string table = old.Text(row, 0);
    const pq::Statement count = {
        "", absl::StrCat("SELECT count(*), coalesce(bool_or(state = 1), false) FROM ", table)};
    ASSIGN_OR_RETURN(const pq::Result content, connection.Run(count, {}));
    if (content.Bool(0, 1)) {
      absl::MutexLock lock(&mu_);
      look_again_ = SystemClock().MonoNow() + kPeriod;
      continue;
    }
    // A fire of that old day may still be written until it is detached; then it is brought back.
    const absl::Status gone = InTransaction(
        connection, absl::StrCat("SELECT require_leader(", token.value, ", '-infinity');",
                                 "ALTER TABLE fires DETACH PARTITION ", table));
    if (IsForLater(gone)) return 0;
    RETURN_IF_ERROR(gone);
    RETURN_IF_ERROR(DropDetached(connection, table));
    if (content.Int(0, 0) > 0) return content.Int(0, 0);
  }
  return 0;
}

}  // namespace z4j::scheduler
