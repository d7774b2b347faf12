#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/leader_check.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"

// What a new leader finds open, and what nobody needs any more.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Connection;
using pq::Params;
using pq::Type;

struct Batches {
  std::vector<int64_t> ids;
  std::vector<FireKey> keys;          // Of all of them,
  std::vector<int64_t> batch_of_key;  // and which each belongs to.
};

// Reads rows (id, refs).
absl::StatusOr<Batches> ReadBatches(const pq::Result& rows) {
  Batches batches;
  for (int row = 0; row < rows.rows(); ++row) {
    batches.ids.push_back(rows.Int(row, 0));
    if (!UnpackKeys(rows.View(row, 1), batches.keys)) {
      return absl::DataLossError("a row of outbox_batches does not hold whole keys");
    }
    batches.batch_of_key.resize(batches.keys.size(), rows.Int(row, 0));
  }
  return batches;
}

// Those fires of the batches that are PENDING, in the order of LoadPending.  `batches` may be
// empty, to make the plan.
absl::StatusOr<std::vector<PendingFire>> ReadPending(Connection& connection,
                                                     const Batches& batches) {
  static const auto* const read = new pq::Statement{
      "read_pending",
      "SELECT n.batch, " + FireColumns("f") +
          " FROM unnest($1, $2, $3, $4) AS n(schedule_id, due_at, trigger_id, batch)"
          " JOIN fires f ON f.schedule_id = n.schedule_id AND f.due_at = n.due_at"
          " AND f.trigger_id = n.trigger_id WHERE f.state = 1"
          " ORDER BY n.batch, f.due_at, f.schedule_id, f.trigger_id"};
  std::vector<PendingFire> pending;
  Params params;
  AddKeys(params, batches.keys);
  params.Array(Type::kInt8, batches.batch_of_key,
               [](ArrayBuilder& to, int64_t batch) { to.Int8(batch); });
  ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*read, params));
  for (int row = 0; row < rows.rows(); ++row) {
    pending.push_back({FireAt(rows, row, 1), rows.Int(row, 0)});
  }
  return pending;
}

// Closes old batches in which nothing is PENDING, because their leader died before it said so.
absl::Status CloseForgotten(Connection& connection, FencingToken token) {
  static const auto* const old =
      new pq::Statement{"old_batches",
                        "SELECT id, refs FROM outbox_batches "
                        "WHERE created_at < now() - interval '1 hour' ORDER BY id LIMIT 16"};
  static const auto* const close =
      new pq::Statement{"close_forgotten", "DELETE FROM outbox_batches WHERE id = ANY($1)"};
  ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*old, {}));
  ASSIGN_OR_RETURN(const Batches batches, ReadBatches(rows));
  ASSIGN_OR_RETURN(const std::vector<PendingFire> pending, ReadPending(connection, batches));
  absl::flat_hash_set<int64_t> open;
  for (const PendingFire& fire : pending) open.insert(fire.batch_id);
  std::vector<int64_t> done;
  for (const int64_t id : batches.ids) {
    if (!open.contains(id)) done.push_back(id);
  }
  if (done.empty()) return absl::OkStatus();
  Params params;
  params.Array(Type::kInt8, done, [](ArrayBuilder& to, int64_t id) { to.Int8(id); });
  return connection.Pipeline({LeaderCheck(token), {close, params}}).status();
}

// Fires due before `before` that are not PENDING, oldest first; then outdated requests.
absl::StatusOr<int64_t> DeleteRows(Connection& connection, FencingToken token, absl::Time before,
                                   int64_t limit) {
  static const auto* const fires = new pq::Statement{
      "prune_fires",
      "WITH old AS (SELECT schedule_id, due_at, trigger_id FROM fires"
      "  WHERE due_at < $1 AND state > 1 ORDER BY due_at LIMIT $2) "
      "DELETE FROM fires f USING old o WHERE f.schedule_id = o.schedule_id"
      "  AND f.due_at = o.due_at AND f.trigger_id = o.trigger_id AND f.due_at < $1"};
  static const auto* const requests = new pq::Statement{
      "prune_requests",
      "DELETE FROM requests WHERE id = ANY(ARRAY("
      "  SELECT id FROM requests WHERE at < now() - $1 * interval '1 s' ORDER BY at LIMIT $2))"};
  ASSIGN_OR_RETURN(
      const std::vector<pq::Result> pruned,
      connection.Pipeline({LeaderCheck(token), {fires, Params().Time(before).Int8(limit)}}));
  const int64_t count = pruned[1].affected();
  if (count >= limit) return count;
  ASSIGN_OR_RETURN(
      const std::vector<pq::Result> outdated,
      connection.Pipeline(
          {LeaderCheck(token),
           {requests, Params().Int8(absl::ToInt64Seconds(kRequestIdKept)).Int8(limit - count)}}));
  return count + outdated[1].affected();
}

}  // namespace

absl::StatusOr<std::vector<PendingFire>> PostgresScheduleStore::LoadPending(int64_t after_batch,
                                                                            int limit) {
  static const auto* const batches = new pq::Statement{
      "load_batches",
      "SELECT id, refs FROM (SELECT id, refs, sum(octet_length(refs)) OVER (ORDER BY id) "
      "  - octet_length(refs) AS before FROM ("
      "    SELECT id, refs FROM outbox_batches WHERE id > $1 ORDER BY id LIMIT 1000) b) b "
      "WHERE before < $2 * 40 ORDER BY id"};
  using Pending = absl::StatusOr<std::vector<PendingFire>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Pending {
    for (int64_t after = after_batch;;) {
      ASSIGN_OR_RETURN(const pq::Result rows,
                       connection.Run(*batches, Params().Int8(after).Int8(limit)));
      ASSIGN_OR_RETURN(const Batches found, ReadBatches(rows));
      std::vector<PendingFire> pending;
      if (!found.keys.empty()) {
        ASSIGN_OR_RETURN(pending, ReadPending(connection, found));
      }
      if (found.ids.empty() || !pending.empty()) return pending;
      after = found.ids.back();  // All of these were handed over, but not closed.
    }
  });
}

void PostgresScheduleStore::WarmUpReads() {
  LoadPending(std::numeric_limits<int64_t>::max(), 1).status().IgnoreError();
  WithConnection(lookup_, IfLost::kTryAgain, [](Connection& connection) {
    return ReadPending(connection, {}).status();
  }).IgnoreError();
  LoadOpen({}).status().IgnoreError();
}

absl::StatusOr<std::vector<Fire>> PostgresScheduleStore::LoadOpen(
    absl::Span<const ScheduleId> schedules) {
  // No index knows the state (it would cost every update its HOT), so this walks back from the
  // newest fire of each schedule: beyond kEndedRunsSeen ended runs nothing is taken to be open, nor
  // what was due longer than kOpenRunMax before the schedule's watermark.
  static const auto* const open = new pq::Statement{
      "load_open",
      "SELECT " + FireColumns("f") +
          " FROM unnest($1) AS n(id) LEFT JOIN cursors c ON c.schedule_id = n.id,"
          " LATERAL (SELECT coalesce(c.watermark - $2 * interval '1 s', '-infinity') AS due) since,"
          " LATERAL (SELECT * FROM fires f WHERE f.schedule_id = n.id AND f.state < 4"
          "   AND f.due_at >= coalesce("
          "     (SELECT due_at FROM fires e WHERE e.schedule_id = n.id AND e.due_at >= since.due"
          "      AND e.state IN (4, 5, 6, 7) ORDER BY e.due_at DESC OFFSET $3 LIMIT 1),"
          "     since.due)) f"};
  using Open = absl::StatusOr<std::vector<Fire>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Open {
    Params params;
    params.Array(Type::kUuid, schedules,
                 [](ArrayBuilder& to, const ScheduleId& id) { to.Id(id.value); });
    params.Int8(absl::ToInt64Seconds(kOpenRunMax)).Int8(kEndedRunsSeen);
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*open, params));
    std::vector<Fire> fires;
    for (int row = 0; row < rows.rows(); ++row) fires.push_back(FireAt(rows, row));
    return fires;
  });
}

absl::StatusOr<UnendedPage> PostgresScheduleStore::LoadUnended(const FireKey& before,
                                                               absl::Time since, int rows) {
  // The last row comes whatever its state: the next page begins there.  The first condition on the
  // due time follows from the second, but only the first chooses partitions.
  static const auto* const unended = new pq::Statement{
      "load_unended",
      "WITH page AS MATERIALIZED (SELECT * FROM fires"
      "  WHERE due_at >= $4 AND due_at <= $1 AND (due_at, schedule_id, trigger_id) < ($1, $2, $3)"
      "  ORDER BY due_at DESC, schedule_id DESC, trigger_id DESC LIMIT $5) "
      "SELECT (SELECT count(*) FROM page), " +
          FireColumns("f") +
          " FROM page f WHERE state IN (2, 3) OR (due_at, schedule_id, trigger_id) ="
          "  (SELECT due_at, schedule_id, trigger_id FROM page"
          "   ORDER BY due_at, schedule_id, trigger_id LIMIT 1)"
          " ORDER BY due_at DESC, schedule_id DESC, trigger_id DESC"};
  using Page = absl::StatusOr<UnendedPage>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Page {
    Params params;
    params.Time(before.due_at).Id(before.schedule.value).Id(before.trigger).Time(since).Int8(rows);
    ASSIGN_OR_RETURN(const pq::Result found, connection.Run(*unended, params));
    UnendedPage page;
    for (int row = 0; row < found.rows(); ++row) {
      Fire fire = FireAt(found, row, 1);
      const bool is_last = row + 1 == found.rows();
      if (is_last && found.Int(row, 0) == rows) page.next = fire.key;
      if (fire.state == FireState::kDispatched || fire.state == FireState::kRunning) {
        page.fires.push_back(std::move(fire));
      }
    }
    return page;
  });
}

absl::StatusOr<int64_t> PostgresScheduleStore::Prune(FencingToken token, absl::Time before,
                                                     int limit) {
  using Count = absl::StatusOr<int64_t>;
  ASSIGN_OR_RETURN(const int64_t dropped,
                   WithConnection(maintain_, IfLost::kReport, [&](Connection& connection) -> Count {
                     RETURN_IF_ERROR(connection.Pipeline({LeaderCheck(token)}).status());
                     RETURN_IF_ERROR(partitions_.MakeComingDays(connection));
                     return partitions_.DropOne(connection, token, before);
                   }));
  if (dropped > 0) return dropped;
  return WithConnection(lookup_, IfLost::kReport, [&](Connection& connection) -> Count {
    RETURN_IF_ERROR(CloseForgotten(connection, token));
    RETURN_IF_ERROR(PruneWritten(connection, token));
    return DeleteRows(connection, token, before, limit);
  });
}

}  // namespace z4j::scheduler
