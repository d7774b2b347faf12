#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/scheduler/store/fire_changes.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/leader_check.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"
#include "services/scheduler/store/postgres/written_rows.h"

// What becomes of fires after they were decided.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Params;
using pq::Type;

void AddChanges(Params& params, const std::vector<FireChange>& changes) {
  using Builder = ArrayBuilder;
  const auto add = [&](Type type, auto add_one) { params.Array(type, changes, add_one); };
  add(Type::kInt2, [](Builder& to, const FireChange& c) { to.Int2(int16_t(c.last.state)); });
  add(Type::kInt2, [](Builder& to, const FireChange& c) { to.Int2(int16_t(c.last.reason)); });
  add(Type::kTimestamptz, [](Builder& to, const FireChange& c) { to.TimeOrNull(c.dispatched_at); });
  add(Type::kTimestamptz, [](Builder& to, const FireChange& c) { to.TimeOrNull(c.started_at); });
  add(Type::kTimestamptz, [](Builder& to, const FireChange& c) { to.TimeOrNull(c.finished_at); });
  add(Type::kInt8, [](Builder& to, const FireChange& c) { to.Int8(c.last.attempts); });
  add(Type::kText,
      [](Builder& to, const FireChange& c) { to.TextOrNull(pq::AsText(c.last.error)); });
  add(Type::kText,
      [](Builder& to, const FireChange& c) { to.TextOrNull(pq::AsText(c.last.adapter)); });
}

constexpr char kSet[] =
    "UPDATE fires t SET state = n.state, reason = n.reason, error = n.error,"
    "  attempts = CASE WHEN n.attempts = 0 THEN t.attempts ELSE n.attempts END,"
    "  adapter = coalesce(n.adapter, t.adapter),"
    // What came too late for a state does not set its time either.
    "  dispatched_at = CASE WHEN t.state <= 2 THEN coalesce(n.dispatched_at, t.dispatched_at)"
    "                       ELSE t.dispatched_at END,"
    "  started_at = coalesce(n.started_at, t.started_at),"
    "  finished_at = n.finished_at "
    "FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, ";
constexpr char kColumns[] =
    "AS n(state, reason, dispatched_at, started_at, finished_at, attempts, error, adapter, ";
constexpr char kForward[] = " AND t.state < 4 AND n.state >= t.state";

std::vector<FireKey> KeysOf(const std::vector<FireChange>& changes) {
  std::vector<FireKey> keys;
  keys.reserve(changes.size());
  for (const FireChange& change : changes) keys.push_back(change.last.key);
  return keys;
}

// `keys` are those of `changes`, which may be empty, to make the plan.
pq::Call UpdateByKey(const std::vector<FireChange>& changes, const std::vector<FireKey>& keys) {
  static const auto* const statement = new pq::Statement{
      "update_by_key", std::string(kSet) + "$9, $10, $11) " + kColumns +
                           "schedule_id, due_at, trigger_id) WHERE t.schedule_id = n.schedule_id "
                           "AND t.due_at = n.due_at AND t.trigger_id = n.trigger_id" +
                           kForward};
  pq::Call call = {statement, {}};
  AddChanges(call.params, changes);
  AddKeys(call.params, keys);
  return call;
}

// Keeps the schedules of `changes` from being deleted until the transaction ends: a deletion locks
// the cursor before it looks for PENDING fires, and so does this before it writes some.
pq::Call HoldSchedules(const std::vector<FireKey>& keys) {
  static const auto* const statement = new pq::Statement{
      "hold_schedules",
      "SELECT 1 FROM cursors WHERE schedule_id = ANY($1) ORDER BY schedule_id FOR KEY SHARE"};
  return {statement, Params().Array(Type::kUuid, keys, [](ArrayBuilder& to, const FireKey& key) {
            to.Id(key.schedule.value);
          })};
}

// The same for changes that each bring a retry, and the retries of those that end their fire.
// Those are PENDING and new, and so make a batch, by which readers of written_fires find them.
pq::Call UpdateAndRetry(const std::vector<FireChange>& changes, const std::vector<FireKey>& keys) {
  constexpr int kFirst = 12;  // Parameter of the retries.
  static const auto* const statement = new pq::Statement{
      "update_and_retry",
      absl::StrCat("WITH changed AS (", kSet, "$9, $10, $11) ", kColumns,
                   "schedule_id, due_at, trigger_id) WHERE t.schedule_id = n.schedule_id "
                   "AND t.due_at = n.due_at AND t.trigger_id = n.trigger_id",
                   kForward,
                   " RETURNING t.fire_id),"
                   "placed AS (INSERT INTO fires (",
                   InsertColumns(false), ") SELECT r.* FROM unnest(",
                   InsertParameters(false, kFirst), ") AS r(", InsertColumns(false),
                   ")  WHERE r.retry_of IN (SELECT fire_id FROM changed)"
                   "    AND (SELECT true FROM cursors c WHERE c.schedule_id = r.schedule_id)"
                   "  ON CONFLICT DO NOTHING RETURNING schedule_id, due_at, trigger_id) "
                   "INSERT INTO outbox_batches (oldest_due, refs) "
                   "SELECT min(due_at), string_agg(uuid_send(schedule_id)"
                   "  || timestamptz_send(due_at) || uuid_send(trigger_id), ''::bytea) "
                   "FROM placed HAVING count(*) > 0")};
  pq::Call call = {statement, {}};
  AddChanges(call.params, changes);
  AddKeys(call.params, keys);
  std::vector<const Fire*> retries;
  for (const FireChange& change : changes) retries.push_back(change.last.retry.get());
  AddFires(call.params, retries, /*fresh=*/false);
  return call;
}

pq::Call UpdateById(const std::vector<FireChange>& changes) {
  static const auto* const statement = new pq::Statement{
      "update_by_id", absl::StrCat("WITH changed AS (", kSet, "$9) ", kColumns,
                                   "fire_id) WHERE t.fire_id = n.fire_id", kForward,
                                   " RETURNING t.schedule_id, t.due_at, t.trigger_id), ",
                                   NoteWrittenOf("changed"), "SELECT 1")};
  pq::Call call = {statement, {}};
  AddChanges(call.params, changes);
  call.params.Array(Type::kUuid, changes, [](ArrayBuilder& to, const FireChange& change) {
    to.Id(change.last.id.value);
  });
  return call;
}

}  // namespace

void PostgresScheduleStore::WarmUpUpdates() {
  absl::StatusOr<pq::Pool::Lease> lease = update_.Acquire();
  if (!lease.ok()) return;
  PrepareLeaderChecks(**lease);
  (*lease)->Pipeline({UpdateByKey({}, {})}).status().IgnoreError();
}

absl::Status PostgresScheduleStore::UpdateFires(FencingToken token,
                                                absl::Span<const FireUpdate> updates,
                                                absl::Span<const int64_t> closed) {
  static const auto* const close =
      new pq::Statement{"close_batches", "DELETE FROM outbox_batches WHERE id = ANY($1)"};
  FireChanges changes = FoldUpdates(updates);
  const auto plain =
      std::stable_partition(changes.by_key.begin(), changes.by_key.end(),
                            [](const FireChange& c) { return c.last.retry != nullptr; });
  const std::vector<FireChange> retried(std::make_move_iterator(changes.by_key.begin()),
                                        std::make_move_iterator(plain));
  changes.by_key.erase(changes.by_key.begin(), plain);
  std::vector<pq::Call> calls = {LeaderCheck(token), NoteLive()};
  if (!retried.empty()) {
    const std::vector<FireKey> keys = KeysOf(retried);
    calls.push_back(HoldSchedules(keys));
    calls.push_back(UpdateAndRetry(retried, keys));
    calls.push_back(NoteWritten(keys));
  }
  if (!changes.by_key.empty()) {
    const std::vector<FireKey> keys = KeysOf(changes.by_key);
    calls.push_back(UpdateByKey(changes.by_key, keys));
    calls.push_back(NoteWritten(keys));  // Also those that are left out.
  }
  if (!changes.by_id.empty()) calls.push_back(UpdateById(changes.by_id));
  if (!closed.empty()) {
    calls.push_back({close, Params().Array(Type::kInt8, closed,
                                           [](ArrayBuilder& to, int64_t id) { to.Int8(id); })});
  }
  return WithConnection(update_, IfLost::kReport, [&](pq::Connection& connection) {
    return connection.Pipeline(calls).status();
  });
}

}  // namespace z4j::scheduler
