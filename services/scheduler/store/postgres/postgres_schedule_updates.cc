#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/leader_check.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"

// What becomes of fires after they were decided.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Params;
using pq::Type;

// All updates of one fire as one: an UPDATE changes a row only once.
struct Change {
  Change() { last.state = FireState::kPending; }

  // With the newest attempts and adapter that were given.
  FireUpdate last;
  absl::Time dispatched_at = absl::InfinitePast(), started_at = absl::InfinitePast(),
             finished_at = absl::InfinitePast();
};

void Apply(const FireUpdate& update, Change& change) {
  if (IsFinal(change.last.state) || update.state < change.last.state) return;
  const int attempts = update.attempts != 0 ? update.attempts : change.last.attempts;
  const std::string adapter = !update.adapter.empty() ? update.adapter : change.last.adapter;
  change.last = update;
  change.last.attempts = attempts;
  change.last.adapter = adapter;
  if (update.state == FireState::kDispatched) change.dispatched_at = update.at;
  if (update.state == FireState::kRunning) change.started_at = update.at;
  if (IsFinal(update.state)) change.finished_at = update.at;
}

// Changes by key, and those whose key is not known; each in the order of all writers.
struct Changes {
  std::vector<Change> by_key, by_id;
};

Changes Fold(absl::Span<const FireUpdate> updates) {
  absl::flat_hash_map<FireKey, Change> by_key;
  absl::flat_hash_map<FireId, Change> by_id;
  for (const FireUpdate& update : updates) {
    const bool known = !update.key.schedule.value.is_zero();
    Apply(update, known ? by_key[update.key] : by_id[update.id]);
  }
  Changes changes;
  for (auto& [key, change] : by_key) changes.by_key.push_back(std::move(change));
  for (auto& [id, change] : by_id) changes.by_id.push_back(std::move(change));
  std::sort(changes.by_key.begin(), changes.by_key.end(),
            [](const Change& a, const Change& b) { return KeyLess(a.last.key, b.last.key); });
  std::sort(changes.by_id.begin(), changes.by_id.end(),
            [](const Change& a, const Change& b) { return a.last.id < b.last.id; });
  return changes;
}

void AddChanges(Params& params, const std::vector<Change>& changes) {
  using Builder = ArrayBuilder;
  const auto add = [&](Type type, auto add_one) { params.Array(type, changes, add_one); };
  add(Type::kInt2, [](Builder& to, const Change& c) { to.Int2(int16_t(c.last.state)); });
  add(Type::kInt2, [](Builder& to, const Change& c) { to.Int2(int16_t(c.last.reason)); });
  add(Type::kTimestamptz, [](Builder& to, const Change& c) { to.TimeOrNull(c.dispatched_at); });
  add(Type::kTimestamptz, [](Builder& to, const Change& c) { to.TimeOrNull(c.started_at); });
  add(Type::kTimestamptz, [](Builder& to, const Change& c) { to.TimeOrNull(c.finished_at); });
  add(Type::kInt8, [](Builder& to, const Change& c) { to.Int8(c.last.attempts); });
  add(Type::kText, [](Builder& to, const Change& c) { to.TextOrNull(pq::AsText(c.last.error)); });
  add(Type::kText, [](Builder& to, const Change& c) { to.TextOrNull(pq::AsText(c.last.adapter)); });
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

// `changes` may be empty, to make the plan.
pq::Call UpdateByKey(const std::vector<Change>& changes) {
  static const auto* const statement = new pq::Statement{
      "update_by_key", std::string(kSet) + "$9, $10, $11) " + kColumns +
                           "schedule_id, due_at, trigger_id) WHERE t.schedule_id = n.schedule_id "
                           "AND t.due_at = n.due_at AND t.trigger_id = n.trigger_id" +
                           kForward};
  pq::Call call = {statement, {}};
  AddChanges(call.params, changes);
  std::vector<FireKey> keys;
  for (const Change& change : changes) keys.push_back(change.last.key);
  AddKeys(call.params, keys);
  return call;
}

pq::Call UpdateById(const std::vector<Change>& changes) {
  static const auto* const statement =
      new pq::Statement{"update_by_id", std::string(kSet) + "$9) " + kColumns +
                                            "fire_id) WHERE t.fire_id = n.fire_id" + kForward};
  pq::Call call = {statement, {}};
  AddChanges(call.params, changes);
  call.params.Array(Type::kUuid, changes,
                    [](ArrayBuilder& to, const Change& change) { to.Id(change.last.id.value); });
  return call;
}

}  // namespace

void PostgresScheduleStore::WarmUpUpdates() {
  absl::StatusOr<pq::Pool::Lease> lease = update_.Acquire();
  if (lease.ok()) (*lease)->Pipeline({UpdateByKey({})}).status().IgnoreError();
}

absl::Status PostgresScheduleStore::UpdateFires(FencingToken token,
                                                absl::Span<const FireUpdate> updates,
                                                absl::Span<const int64_t> closed) {
  static const auto* const close =
      new pq::Statement{"close_batches", "DELETE FROM outbox_batches WHERE id = ANY($1)"};
  const Changes changes = Fold(updates);
  std::vector<pq::Call> calls = {LeaderCheck(token), NoteLive()};
  if (!changes.by_key.empty()) calls.push_back(UpdateByKey(changes.by_key));
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
