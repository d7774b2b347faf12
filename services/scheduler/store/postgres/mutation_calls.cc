#include "services/scheduler/store/postgres/mutation_calls.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/scheduler/store/fire_changes.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/schedule_rows.h"
#include "services/scheduler/store/postgres/written_rows.h"

namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Params;
using pq::Type;

// "unnest($first), …": a row for each place in `count` arrays.  Behind SELECT they are read one
// after the other; behind FROM each of them would first be written to a table of its own.
std::string Unnested(int first, int count) {
  std::string text;
  for (int i = first; i < first + count; ++i) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "unnest($", i, ")");
  }
  return text;
}

// PENDING fires are looked for from the oldest that any open batch holds, so that the whole history
// of a schedule need not be read.
MutationCall Delete(const std::vector<ScheduleKey>& deleted) {
  static const auto* const statement = new pq::Statement{
      "delete_schedules",
      absl::StrCat("WITH gone AS ("
                   "  DELETE FROM schedules s USING unnest($1, $2) AS n(project, name)"
                   "  WHERE s.project = n.project AND s.name = n.name RETURNING s.id, s.project, "
                   "s.name, s.engine),"
                   "cursor AS (DELETE FROM cursors c USING gone WHERE c.schedule_id = gone.id),"
                   "named AS (INSERT INTO deleted_schedules (id, project, name, deleted_at, engine)"
                   "  SELECT id, project, name, clock_timestamp(), engine FROM gone),"
                   "cancelled AS ("
                   "  UPDATE fires f SET state = 6, reason = 7, finished_at = clock_timestamp()"
                   "  FROM gone WHERE f.schedule_id = gone.id AND f.state = 1"
                   "    AND f.due_at >= (SELECT min(oldest_due) FROM outbox_batches)"
                   "  RETURNING f.schedule_id, f.due_at, f.trigger_id),",
                   NoteWrittenOf("cancelled"), "SELECT count(*) FROM gone")};
  return {{statement, KeyArrays(deleted)}, static_cast<int64_t>(deleted.size())};
}

MutationCall Insert(const std::vector<StoredSchedule>& inserted) {
  static const auto* const statement = new pq::Statement{
      "insert_schedules",
      absl::StrCat("WITH cursor AS (INSERT INTO cursors SELECT ", Unnested(14, 3),
                   ") INSERT INTO schedules (id, project, name, engine, kind, state, revision,"
                   "  created_at, updated_at, labels, definition, source_kind, source_locator) "
                   "SELECT ",
                   Unnested(1, 13))};
  std::vector<const Schedule*> schedules;
  for (const StoredSchedule& stored : inserted) schedules.push_back(&stored.schedule);
  MutationCall call = {{statement, ScheduleArrays(schedules)}};
  using Stored = StoredSchedule;
  call.call.params
      .Array(Type::kUuid, inserted,
             [](ArrayBuilder& to, const Stored& s) { to.Id(s.schedule.id.value); })
      .Array(Type::kTimestamptz, inserted,
             [](ArrayBuilder& to, const Stored& s) { to.Time(s.cursor.watermark); })
      .Array(Type::kInt8, inserted,
             [](ArrayBuilder& to, const Stored& s) { to.Int8(s.cursor.fires); });
  return call;
}

MutationCall Update(const std::vector<Schedule>& updated) {
  static const auto* const statement = new pq::Statement{
      "update_schedules",
      absl::StrCat(
          "WITH changed AS ("
          "  UPDATE schedules s SET engine = n.engine, kind = n.kind, state = n.state,"
          "    revision = n.revision, created_at = n.created_at, updated_at = n.updated_at,"
          "    labels = n.labels, definition = n.definition, source_kind = n.source_kind,"
          "    source_locator = n.source_locator"
          "  FROM (SELECT ",
          Unnested(1, 13),
          ") AS n(id, project, name, engine, kind, state, revision, created_at, updated_at, labels,"
          "    definition, source_kind, source_locator)"
          "  WHERE s.id = n.id RETURNING 1) "
          "SELECT count(*) FROM changed")};
  std::vector<const Schedule*> schedules;
  for (const Schedule& schedule : updated) schedules.push_back(&schedule);
  return {{statement, ScheduleArrays(schedules)}, static_cast<int64_t>(updated.size())};
}

MutationCall Move(std::vector<std::pair<ScheduleId, absl::Time>> moves) {
  static const auto* const statement = new pq::Statement{
      "move_watermarks",
      "WITH moved AS ("
      "  UPDATE cursors c SET watermark = greatest(c.watermark, n.watermark)"
      "  FROM unnest($1, $2) AS n(id, watermark) WHERE c.schedule_id = n.id RETURNING 1) "
      "SELECT count(*) FROM moved"};
  std::sort(moves.begin(), moves.end());
  using Move = std::pair<ScheduleId, absl::Time>;
  return {{statement, Params()
                          .Array(Type::kUuid, moves,
                                 [](ArrayBuilder& to, const Move& m) { to.Id(m.first.value); })
                          .Array(Type::kTimestamptz, moves,
                                 [](ArrayBuilder& to, const Move& m) { to.Time(m.second); })},
          static_cast<int64_t>(moves.size())};
}

// Those that are PENDING, and new, make a batch.
MutationCall InsertFires(const std::vector<Fire>& fires) {
  static const auto* const statement = new pq::Statement{
      "insert_fires",
      absl::StrCat("WITH placed AS (INSERT INTO fires (", InsertColumns(false),
                   ") SELECT * FROM unnest(", InsertParameters(false, 1),
                   ") ON CONFLICT DO NOTHING RETURNING schedule_id, due_at, trigger_id, state), ",
                   NoteWrittenOf("placed"),
                   "INSERT INTO outbox_batches (oldest_due, refs) "
                   "SELECT min(due_at), string_agg(uuid_send(schedule_id)"
                   "  || timestamptz_send(due_at) || uuid_send(trigger_id), ''::bytea) "
                   "FROM placed WHERE state = 1 HAVING count(*) > 0")};
  std::vector<const Fire*> sorted;
  for (const Fire& fire : fires) sorted.push_back(&fire);
  std::sort(sorted.begin(), sorted.end(),
            [](const Fire* a, const Fire* b) { return KeyLess(a->key, b->key); });
  MutationCall call = {{statement, {}}};
  AddFires(call.call.params, sorted, false);
  return call;
}

MutationCall Cancel(std::vector<FireKey> cancelled) {
  static const auto* const statement = new pq::Statement{
      "cancel_fires",
      "UPDATE fires f SET state = 6, reason = 11, finished_at = clock_timestamp() "
      "FROM unnest($1, $2, $3) AS n(schedule_id, due_at, trigger_id) "
      "WHERE f.schedule_id = n.schedule_id AND f.due_at = n.due_at"
      "  AND f.trigger_id = n.trigger_id AND f.state = 1"};
  std::sort(cancelled.begin(), cancelled.end(), &KeyLess);
  MutationCall call = {{statement, {}}};
  AddKeys(call.call.params, cancelled);
  return call;
}

MutationCall InsertAudit(const std::vector<AuditEntry>& entries) {
  static const auto* const statement = new pq::Statement{
      "insert_audit", absl::StrCat("INSERT INTO audit_entries SELECT ", Unnested(1, 13))};
  MutationCall call = {{statement, {}}};
  AddAudit(call.call.params, entries);
  return call;
}

MutationCall MoveHead(const AuditHead& head) {
  static const auto* const statement = new pq::Statement{
      "move_head", "UPDATE audit_head SET seq = $1, mac = $2, seal = $3, key_id = $4"};
  return {{statement, Params().Int8(head.seq).Bytes(head.mac).Bytes(head.seal).Text(head.key_id)}};
}

MutationCall InsertRequests(const std::vector<StoredRequest>& requests) {
  static const auto* const statement = new pq::Statement{
      "insert_requests",
      "INSERT INTO requests SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT (id) "
      "DO UPDATE SET hash = excluded.hash, outcome = excluded.outcome, at = excluded.at"};
  const auto text = [](auto field) {
    return [field](ArrayBuilder& to, const StoredRequest& request) { to.Text(request.*field); };
  };
  return {{statement, Params()
                          .Array(Type::kText, requests, text(&StoredRequest::id))
                          .Array(Type::kBytea, requests, text(&StoredRequest::hash))
                          .Array(Type::kBytea, requests, text(&StoredRequest::outcome))
                          .Array(Type::kTimestamptz, requests,
                                 [](ArrayBuilder& to, const StoredRequest& r) { to.Time(r.at); })}};
}

}  // namespace

std::vector<MutationCall> MutationCalls(const WriteSet& write) {
  static const auto* const notify = new pq::Statement{"notify", "NOTIFY z4j_changes"};
  std::vector<MutationCall> calls;
  if (!write.deleted.empty()) calls.push_back(Delete(write.deleted));
  if (!write.inserted.empty()) calls.push_back(Insert(write.inserted));
  if (!write.updated.empty()) calls.push_back(Update(write.updated));
  if (!write.watermarks.empty()) calls.push_back(Move(write.watermarks));
  if (!write.fires.empty()) calls.push_back(InsertFires(write.fires));
  if (!write.cancelled.empty()) {
    calls.push_back(Cancel(write.cancelled));
    calls.push_back({NoteWritten(write.cancelled)});
  }
  if (!write.audit.empty()) {
    calls.push_back(InsertAudit(write.audit));
    calls.push_back(MoveHead(write.head));
  }
  if (!write.requests.empty()) calls.push_back(InsertRequests(write.requests));
  if (!calls.empty()) calls.push_back({{notify, {}}});
  return calls;
}

}  // namespace z4j::scheduler
