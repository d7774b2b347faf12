#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/leader_check.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"
#include "services/scheduler/store/postgres/written_rows.h"
#include "services/scheduler/store/written_position.h"

// Which fires were written since a reader looked.
//
// Why nothing is missed: a row is read exactly by the first read whose snapshot shows its
// transaction.  A snapshot shows all of a transaction or nothing, and what it shows every later one
// shows, too.  The read from `seen` to `upto` takes the rows that `upto` shows and `seen` does not:
// if the transaction had ended by `seen`, the read that led to `seen` had the row (or the reader
// began after it); if it ends after `upto`, a later read finds that `upto` does not show it.  That
// its number is lower than that of others, which ended before, makes no difference, and nobody
// waits for transactions that take long, also those of other databases.
//
// PENDING fires stand in the batch of the transaction that decided them, until a transaction that
// changed the last of them closes it.  A reader that comes after that, and has not seen the
// decision, has not seen those changes either, which were made after it: it reads their rows.
//
// The cost is that of the rows from the oldest transaction on that ran at `seen`.
namespace z4j::scheduler {
namespace {

using pq::Connection;
using pq::Params;

constexpr int kTransactionsPerRead = 1000;

// $1 seen, $2 upto or '', $3 and $4 the last row read (batches have negative ids, to tell them
// apart), $5 keys.  One row at least, with what `upto`
// is, whether `seen` is too old, and whether there is more.
//
// Restored from a dump, the database may count transactions from a lower number: then nothing below
// `gone_below` is gone yet.  Restored to an earlier time, it has not seen what the reader saw.
const pq::Statement& ReadStatement() {
  static const auto* const statement = new pq::Statement{
      "read_written",
      absl::StrCat(
          "WITH place AS MATERIALIZED (SELECT $1::pg_snapshot AS seen,"
          "  coalesce(nullif($2, '')::pg_snapshot, pg_current_snapshot()) AS upto,"
          "  pg_snapshot_xmax(pg_current_snapshot()) AS newest) "
          "SELECT p.upto::text, pg_snapshot_xmax(p.seen) > p.newest"
          "    OR (k.gone_below > pg_snapshot_xmin(p.seen) AND k.gone_below <= p.newest),"
          "  w.total, w.xid::text, w.id, w.refs "
          "FROM place p CROSS JOIN written_fires_kept k LEFT JOIN LATERAL ("
          "  SELECT xid, id, refs, total FROM ("
          "    SELECT xid, id, refs, count(*) OVER () AS total,"
          "      sum(octet_length(refs)) OVER (ORDER BY xid, id) - octet_length(refs) AS before"
          "    FROM (SELECT * FROM ("
          "        SELECT xid, id, refs FROM written_fires WHERE xid >= pg_snapshot_xmin(p.seen)"
          "        UNION ALL SELECT xid, -id, refs FROM outbox_batches"
          "        WHERE xid >= pg_snapshot_xmin(p.seen)) w"
          "      WHERE (xid, id) > ($3::xid8, $4) AND NOT pg_visible_in_snapshot(xid, p.seen)"
          "        AND pg_visible_in_snapshot(xid, p.upto)"
          "      ORDER BY xid, id LIMIT ",
          kTransactionsPerRead,
          ") w) w WHERE before < $5 * 40) w ON true"
          " ORDER BY w.xid, w.id")};
  return *statement;
}

absl::StatusOr<std::string> Now(Connection& connection) {
  static const auto* const now =
      new pq::Statement{"written_now", "SELECT pg_current_snapshot()::text"};
  ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*now, {}));
  return rows.Text(0, 0);
}

absl::StatusOr<WrittenFires> ReadFrom(Connection& connection, WrittenPlace place,
                                      const std::string& until, int limit) {
  Params params;
  params.Text(place.seen).Text(place.upto.empty() ? until : place.upto);
  params.Text(absl::StrCat(place.xid)).Int8(place.id).Int8(limit);
  ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(ReadStatement(), params));
  if (rows.rows() == 0) return absl::DataLossError("written_fires_kept has lost its row");
  if (rows.Bool(0, 1)) return WrittenTooOld();
  WrittenFires written;
  place.upto = rows.Text(0, 0);
  for (int row = 0; row < rows.rows() && !rows.IsNull(row, 4); ++row) {
    place.id = rows.Int(row, 4);
    if (!absl::SimpleAtoi(rows.View(row, 3), &place.xid) ||
        !UnpackKeys(rows.View(row, 5), written.keys)) {
      return absl::DataLossError("a row of written_fires does not hold whole keys");
    }
  }
  const int64_t total = rows.Int(0, 2);
  const bool more = total > rows.rows() || total == kTransactionsPerRead;
  written.next = more ? WrittenText(place) : place.upto;
  return written;
}

}  // namespace

absl::StatusOr<WrittenFires> PostgresScheduleStore::ListWritten(const std::string& after,
                                                                const std::string& until,
                                                                int limit) {
  WrittenPlace from, to;
  if (!after.empty()) {
    ASSIGN_OR_RETURN(from, ParseWrittenText(after));
  }
  if (!until.empty()) {
    ASSIGN_OR_RETURN(to, ParseWrittenText(until));
    if (to.upto.empty()) to.upto = to.seen;
  }
  using Written = absl::StatusOr<WrittenFires>;
  return WithConnection(read_, IfLost::kTryAgain, [&](Connection& connection) -> Written {
    WrittenFires written;
    if (after.empty()) {
      ASSIGN_OR_RETURN(written.next, Now(connection));
      return written;
    }
    ASSIGN_OR_RETURN(written, ReadFrom(connection, from, to.upto, limit));
    if (!written.keys.empty() || from.upto.empty()) return written;
    WrittenPlace whole;
    whole.seen = from.upto;
    return ReadFrom(connection, whole, to.upto, limit);
  });
}

absl::Status PostgresScheduleStore::PruneWritten(pq::Connection& connection, FencingToken token) {
  static const auto* const turn = new pq::Statement{
      "turn_written",
      "UPDATE written_fires_kept SET"
      "  gone_below = CASE WHEN next_below <= pg_snapshot_xmax(pg_current_snapshot())"
      "    THEN next_below ELSE '0'::xid8 END,"
      "  next_below = pg_snapshot_xmin(pg_current_snapshot()), next_at = clock_timestamp() "
      "WHERE next_at < clock_timestamp() - $1 * interval '1 s' OR next_at > clock_timestamp()"};
  static const auto* const prune = new pq::Statement{
      "prune_written",
      "DELETE FROM written_fires WHERE ctid = ANY(ARRAY(SELECT ctid FROM written_fires"
      "  WHERE xid < (SELECT gone_below FROM written_fires_kept) ORDER BY xid, id LIMIT $1))"};
  // Rows of a dump, from before the transactions were counted anew.
  static const auto* const strange = new pq::Statement{
      "prune_strange_written",
      "DELETE FROM written_fires WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"};
  return connection
      .Pipeline({LeaderCheck(token),
                 {turn, Params().Int8(absl::ToInt64Seconds(kWrittenKept))},
                 {prune, Params().Int8(kWrittenPrunedMax)},
                 {strange, {}}})
      .status();
}

}  // namespace z4j::scheduler
