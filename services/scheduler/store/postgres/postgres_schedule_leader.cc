#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/fire_changes.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/leader_check.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"
#include "services/scheduler/store/write_checks.h"

// The commit of fires.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Call;
using pq::Connection;
using pq::Params;
using pq::Type;

constexpr int kFirstFireParameter = 8;

// Law 2 in one statement.  Only schedules whose watermark this statement moves get their fires; so
// an edit or an earlier try of the same batch that came first wins.
//
// `IN … IS TRUE` keeps the planner from making a join of it: as it stands it is one look-up in a
// hash table per fire, whatever the planner believes about the sizes.
//
// Rows that are there already are left.  A watermark that moves forward meets none as a rule, and
// looking out for them costs an eighth of the statement: so the first try does not (`careful`), and
// fails as a whole if there is one.
pq::Statement CommitStatement(bool fresh, bool careful) {
  const std::string columns = InsertColumns(fresh);
  const std::string fires = absl::StrCat("unnest(", InsertParameters(fresh, kFirstFireParameter),
                                         ") AS n(", columns, ")");
  const std::string advanced = "(n.schedule_id IN (SELECT schedule_id FROM moved)) IS TRUE";
  return {absl::StrCat(fresh ? "commit_fresh" : "commit", careful ? "_careful" : ""),
          absl::StrCat(
              "WITH moved AS ("
              "  UPDATE cursors c SET watermark = n.watermark, fires = n.fires"
              "  FROM unnest($1, $2, $3, $4) AS n(id, watermark, fires, planned_from)"
              "  WHERE c.schedule_id = n.id AND c.watermark < n.watermark"
              "    AND (n.planned_from = '-infinity' OR n.planned_from = c.watermark)"
              "  RETURNING c.schedule_id),"
              "whole AS (SELECT count(*) = cardinality($1) AS yes FROM moved),"
              "placed AS ("
              "  INSERT INTO fires (",
              columns, ") SELECT ", columns, " FROM ", fires, "  WHERE ", advanced,
              careful ? " ON CONFLICT DO NOTHING" : "",
              "),"
              "batch AS ("
              "  INSERT INTO outbox_batches (oldest_due, refs)"
              "  SELECT $6, r.refs FROM (SELECT CASE WHEN (SELECT yes FROM whole) THEN $5 ELSE ("
              "    SELECT string_agg(uuid_send(schedule_id) || timestamptz_send(due_at)"
              "                      || uuid_send(trigger_id), ''::bytea)"
              "    FROM ",
              fires, " WHERE state = 1 AND ", advanced,
              ") END AS refs) r"
              "  WHERE octet_length(r.refs) > 0 RETURNING id),"
              // The PENDING ones are noted by their batch.  Also those that are left out, since
              // telling them apart would cost more.
              "noted AS (INSERT INTO written_fires (refs) SELECT $7 WHERE octet_length($7) > 0)"
              "SELECT (SELECT id FROM batch), (SELECT yes FROM whole),"
              "  CASE WHEN (SELECT yes FROM whole) THEN NULL"
              "       ELSE ARRAY(SELECT schedule_id FROM moved) END")};
}

struct Commit {
  Params params;
  bool fresh = true;
  absl::Time newest_due = absl::InfinitePast();  // Of those that must not be early.
};

absl::StatusOr<Commit> PrepareCommit(const FireBatch& batch) {
  std::vector<const FireBatch::CursorMove*> moves;
  absl::flat_hash_set<ScheduleId> known;
  for (const FireBatch::CursorMove& move : batch.cursors) {
    moves.push_back(&move);
    known.insert(move.schedule);
  }
  std::sort(moves.begin(), moves.end(),
            [](const auto* a, const auto* b) { return a->schedule < b->schedule; });

  Commit commit;
  std::vector<const Fire*> fires;
  std::vector<FireKey> pending, ended;
  absl::Time oldest_pending = absl::InfiniteFuture();
  for (const Fire& fire : batch.fires) {
    if (!known.contains(fire.key.schedule)) {
      return FieldError("fires", absl::StrCat("schedule ", fire.key.schedule.ToString(),
                                              " has no cursor in the batch; add it"));
    }
    fires.push_back(&fire);
    commit.fresh = commit.fresh && IsFresh(fire);
  }
  std::sort(fires.begin(), fires.end(),
            [](const Fire* a, const Fire* b) { return KeyLess(a->key, b->key); });
  for (const Fire* const fire : fires) {
    if (MustNotBeEarly(*fire)) commit.newest_due = std::max(commit.newest_due, fire->key.due_at);
    if (fire->state != FireState::kPending) {
      ended.push_back(fire->key);
      continue;
    }
    pending.push_back(fire->key);
    oldest_pending = std::min(oldest_pending, fire->key.due_at);
  }

  using Move = const FireBatch::CursorMove*;
  commit.params
      .Array(Type::kUuid, moves, [](ArrayBuilder& to, Move m) { to.Id(m->schedule.value); })
      .Array(Type::kTimestamptz, moves,
             [](ArrayBuilder& to, Move m) { to.Time(m->cursor.watermark); })
      .Array(Type::kInt8, moves, [](ArrayBuilder& to, Move m) { to.Int8(m->cursor.fires); })
      .Array(Type::kTimestamptz, moves, [](ArrayBuilder& to, Move m) { to.Time(m->planned_from); })
      .Bytes(PackKeys(pending))
      .Time(oldest_pending)
      .Bytes(PackKeys(ended));
  AddFires(commit.params, fires, commit.fresh);
  return commit;
}

pq::Call CommitCall(const Commit& commit, bool careful) {
  static const auto* const statements =
      new std::array<pq::Statement, 4>{CommitStatement(false, false), CommitStatement(false, true),
                                       CommitStatement(true, false), CommitStatement(true, true)};
  return {&(*statements)[(commit.fresh ? 2 : 0) + (careful ? 1 : 0)], commit.params};
}

absl::StatusOr<CommitResult> CommitOn(Connection& connection, FencingToken token,
                                      const FireBatch& batch, const Commit& commit) {
  const auto run = [&](bool careful) {
    return connection.Pipeline(
        {LeaderCheck(token, commit.newest_due), NoteLive(), CommitCall(commit, careful)});
  };
  absl::StatusOr<std::vector<pq::Result>> results = run(/*careful=*/false);
  if (absl::IsAlreadyExists(results.status())) results = run(/*careful=*/true);
  RETURN_IF_ERROR(results.status());
  const pq::Result& row = (*results)[2];
  CommitResult result;
  result.batch_id = row.Int(0, 0);
  result.advanced.assign(batch.cursors.size(), true);
  if (row.Bool(0, 1)) return result;
  absl::flat_hash_set<Uuid> moved;
  for (const Uuid& id : row.Ids(0, 2)) moved.insert(id);
  for (size_t i = 0; i < batch.cursors.size(); ++i) {
    result.advanced[i] = moved.contains(batch.cursors[i].schedule.value);
  }
  return result;
}

}  // namespace

void PostgresScheduleStore::MakeReady() {
  WarmUpFence();
  WarmUp();
  WarmUpReads();
  ready_ = true;
}

void PostgresScheduleStore::WarmUp() {
  const absl::StatusOr<Commit> nothing = PrepareCommit({});
  absl::StatusOr<pq::Pool::Lease> leases[] = {commit_.Acquire(), commit_.Acquire()};
  for (absl::StatusOr<pq::Pool::Lease>& lease : leases) {
    // A connection that cannot be had now says so when it is needed.
    if (!lease.ok()) continue;
    PrepareLeaderChecks(**lease);
    (*lease)->Pipeline({CommitCall(*nothing, /*careful=*/false)}).status().IgnoreError();
  }
  WarmUpUpdates();
}

absl::StatusOr<CommitResult> PostgresScheduleStore::CommitFires(FencingToken token,
                                                                const FireBatch& batch) {
  ASSIGN_OR_RETURN(const Commit commit, PrepareCommit(batch));
  return WithConnection(commit_, IfLost::kReport, [&](Connection& connection) {
    return CommitOn(connection, token, batch, commit);
  });
}

}  // namespace z4j::scheduler
