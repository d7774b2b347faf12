#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/mutation_calls.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"
#include "services/scheduler/store/postgres/schedule_rows.h"
#include "services/scheduler/store/write_checks.h"

namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Connection;
using pq::Params;
using pq::Type;

// The head is locked first, so that what follows is read after every other mutation has ended.
absl::StatusOr<ReadSet> BeginAndRead(Connection& connection, absl::Span<const ScheduleKey> keys,
                                     absl::Span<const std::string> request_ids) {
  static const auto* const begin = new pq::Statement{"begin", "BEGIN"};
  static const auto* const head =
      new pq::Statement{"lock_head", "SELECT seq, mac, seal, key_id FROM audit_head FOR UPDATE"};
  static const auto* const schedules = new pq::Statement{
      "lock_schedules",
      "SELECT s.definition, c.watermark, c.fires FROM unnest($1, $2) AS n(project, name)"
      " JOIN schedules s ON s.project = n.project AND s.name = n.name"
      " JOIN cursors c ON c.schedule_id = s.id ORDER BY s.id FOR UPDATE OF s, c"};
  static const auto* const requests = new pq::Statement{
      "read_requests", "SELECT id, hash, outcome, at FROM requests WHERE id = ANY($1)"};

  std::vector<pq::Call> calls = {{begin, {}}, {head, {}}};
  calls.push_back({schedules, KeyArrays(keys)});
  calls.push_back(
      {requests, Params().Array(Type::kText, request_ids,
                                [](ArrayBuilder& to, const std::string& id) { to.Text(id); })});
  ASSIGN_OR_RETURN(const std::vector<pq::Result> results, connection.Pipeline(calls));
  if (results[1].rows() != 1) return absl::DataLossError("the table audit_head has lost its row");

  ReadSet read;
  read.head = AuditHeadAt(results[1], 0);
  for (int row = 0; row < results[2].rows(); ++row) {
    ASSIGN_OR_RETURN(StoredSchedule stored, StoredScheduleAt(results[2], row, 0));
    ScheduleKey key = {stored.schedule.project, stored.schedule.name};
    read.schedules.emplace(std::move(key), std::move(stored));
  }
  for (int row = 0; row < results[3].rows(); ++row) {
    const pq::Result& r = results[3];
    read.requests[r.Text(row, 0)] = {r.Text(row, 0), r.Text(row, 1), r.Text(row, 2),
                                     r.Time(row, 3)};
  }
  return read;
}

absl::Status Write(Connection& connection, const WriteSet& write) {
  static const auto* const commit = new pq::Statement{"commit_work", "COMMIT"};
  std::vector<MutationCall> mutation = MutationCalls(write);
  if (mutation.empty()) return connection.Script("ROLLBACK");
  std::vector<pq::Call> calls;
  for (MutationCall& call : mutation) calls.push_back(std::move(call.call));
  ASSIGN_OR_RETURN(const std::vector<pq::Result> results, connection.Pipeline(calls));
  for (size_t i = 0; i < mutation.size(); ++i) {
    if (mutation[i].rows >= 0 && results[i].Int(0, 0) != mutation[i].rows) {
      return absl::NotFoundError(absl::StrCat("of ", mutation[i].rows, " schedules to change only ",
                                              results[i].Int(0, 0), " exist"));
    }
  }
  return connection.Run(*commit, {}).status();
}

}  // namespace

absl::Status PostgresScheduleStore::Transact(
    absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
    absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) {
  ASSIGN_OR_RETURN(pq::Pool::Lease connection, mutate_.Acquire());
  ASSIGN_OR_RETURN(const ReadSet read, BeginAndRead(*connection, keys, request_ids));
  ASSIGN_OR_RETURN(const WriteSet write, decide(read));  // The lease rolls back.
  RETURN_IF_ERROR(CheckAudit(read.head, write));
  RETURN_IF_ERROR(Write(*connection, write));
  if (HasGrown(write.inserted.size())) {
    // Where it cannot be, it only costs time: autovacuum does the same, minutes later.  Of columns
    // that nothing is looked for by, such as the definition, it would take longer than of these.
    connection
        ->Script(
            "ANALYZE (SKIP_LOCKED) schedules (project, name, engine, kind, state, source_kind,"
            " source_locator), cursors (schedule_id)")
        .IgnoreError();
  }
  return absl::OkStatus();
}

bool PostgresScheduleStore::HasGrown(int64_t inserted) {
  const int64_t in_all = inserted_ += inserted;
  int64_t at = analyze_at_;
  return in_all >= at && analyze_at_.compare_exchange_strong(at, 4 * in_all);
}

}  // namespace z4j::scheduler
