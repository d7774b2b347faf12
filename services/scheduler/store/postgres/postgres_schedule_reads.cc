#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/page_token.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/query_text.h"
#include "services/scheduler/store/postgres/retry.h"
#include "services/scheduler/store/postgres/schedule_rows.h"

// Reads of schedules and of the audit chain.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Connection;
using pq::Params;
using pq::Type;

constexpr int kRowsPerFetch = 2000;  // Some MB at a time.

constexpr char kScheduleRows[] =
    "SELECT s.definition, c.watermark, c.fires "
    "FROM schedules s JOIN cursors c ON c.schedule_id = s.id";

// The column that `order` sorts by before the name; empty: none.
std::string TimeColumn(ScheduleOrder order) {
  switch (order) {
    case ScheduleOrder::kName:
      return "";
    case ScheduleOrder::kCreated:
      return "s.created_at";
    case ScheduleOrder::kUpdated:
      return "s.updated_at";
  }
  return "";
}

void Filter(const ScheduleQuery& query, QueryText& text) {
  text.params().Text(query.project);
  text.Where("s.project = ?1");
  if (query.state) {
    text.params().Int2(static_cast<int16_t>(*query.state));
    text.Where("s.state = ?1");
  }
  if (!query.engine.empty()) {
    text.params().Text(query.engine);
    text.Where("s.engine = ?1");
  }
  if (!query.kind.empty()) {
    text.params().Text(query.kind);
    text.Where("s.kind = ?1");
  }
  if (!query.name_prefix.empty()) {
    // The second bound ends the walk through the index: no character sorts after U+10FFFF.
    text.params().Text(query.name_prefix).Text(query.name_prefix + "\U0010FFFF\U0010FFFF");
    text.Where("s.name >= ?1 AND s.name < ?2 AND starts_with(s.name, ?1)", 2);
  }
  // So that the index serves, which holds those alone that were imported.
  if (!query.source_kind.empty() || !query.source_locator.empty()) {
    text.Where("s.source_kind <> ''", 0);
  }
  if (!query.source_kind.empty()) {
    text.params().Text(query.source_kind);
    text.Where("s.source_kind = ?1");
  }
  if (!query.source_locator.empty()) {
    text.params().Text(query.source_locator);
    text.Where("s.source_locator = ?1");
  }
  if (!query.labels.empty()) {
    text.params().Jsonb(LabelsJson(query.labels));
    text.Where("s.labels @> ?1");
  }
}

absl::StatusOr<QueryText> PageOf(const ScheduleQuery& query) {
  QueryText text(kScheduleRows);
  Filter(query, text);
  const std::string time = TimeColumn(query.order);
  const char* const after = query.descending ? "<" : ">";
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(const SchedulePosition last, ParseScheduleToken(query));
    if (time.empty()) {
      text.params().Text(last.name);
      text.Where(absl::StrCat("s.name ", after, " ?1"));
    } else {
      text.params().Time(FromMicros(last.micros)).Text(last.name);
      text.Where(absl::StrCat("(", time, ", s.name) ", after, " (?1, ?2)"), 2);
    }
  }
  const char* const direction = query.descending ? " DESC" : "";
  text.Then(absl::StrCat("ORDER BY ", time.empty() ? "" : absl::StrCat(time, direction, ", "),
                         "s.name", direction, " LIMIT ", query.limit + 1));
  return text;
}

absl::StatusOr<int64_t> LoadAll(Connection& connection,
                                absl::FunctionRef<void(StoredSchedule)> visit) {
  static const auto* const begin =
      new pq::Statement{"begin_read", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
  static const auto* const head = new pq::Statement{"head_seq", "SELECT seq FROM audit_head"};
  static const auto* const declare = new pq::Statement{
      "declare_all", absl::StrCat("DECLARE all_schedules NO SCROLL CURSOR FOR ", kScheduleRows)};
  const pq::Statement fetch = {"fetch_all",
                               absl::StrCat("FETCH ", kRowsPerFetch, " FROM all_schedules")};
  ASSIGN_OR_RETURN(const std::vector<pq::Result> opened,
                   connection.Pipeline({{begin, {}}, {head, {}}, {declare, {}}}));
  for (;;) {
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(fetch, {}));
    for (int row = 0; row < rows.rows(); ++row) {
      ASSIGN_OR_RETURN(StoredSchedule stored, StoredScheduleAt(rows, row, 0));
      visit(std::move(stored));
    }
    if (rows.rows() < kRowsPerFetch) break;
  }
  RETURN_IF_ERROR(connection.Script("COMMIT"));
  return opened[1].Int(0, 0);
}

}  // namespace

absl::StatusOr<StoredSchedule> PostgresScheduleStore::GetSchedule(const ScheduleKey& key) {
  static const auto* const get = new pq::Statement{
      "get_schedule", absl::StrCat(kScheduleRows, " WHERE s.project = $1 AND s.name = $2")};
  using Found = absl::StatusOr<StoredSchedule>;
  return WithConnection(read_, IfLost::kTryAgain, [&](Connection& connection) -> Found {
    ASSIGN_OR_RETURN(const pq::Result rows,
                     connection.Run(*get, Params().Text(key.project).Text(key.name)));
    if (rows.rows() == 0) {
      return absl::NotFoundError(absl::StrCat("no schedule ", key.project, "/", key.name));
    }
    return StoredScheduleAt(rows, 0, 0);
  });
}

absl::StatusOr<SchedulePage> PostgresScheduleStore::ListSchedules(const ScheduleQuery& query) {
  ASSIGN_OR_RETURN(QueryText text, PageOf(query));
  using Page = absl::StatusOr<SchedulePage>;
  return WithConnection(read_, IfLost::kTryAgain, [&](Connection& connection) -> Page {
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(text.statement(), text.params()));
    SchedulePage page;
    for (int row = 0; row < rows.rows() && row < query.limit; ++row) {
      ASSIGN_OR_RETURN(StoredSchedule stored, StoredScheduleAt(rows, row, 0));
      page.schedules.push_back(std::move(stored));
    }
    if (rows.rows() > query.limit && !page.schedules.empty()) {
      page.next = ScheduleToken(query, PositionOf(page.schedules.back().schedule, query.order));
    }
    return page;
  });
}

absl::StatusOr<int64_t> PostgresScheduleStore::LoadSchedules(
    absl::FunctionRef<void(StoredSchedule)> visit) {
  // Not tried again here: `visit` has seen some of them.
  return WithConnection(read_, IfLost::kReport,
                        [&](Connection& connection) { return LoadAll(connection, visit); });
}

absl::StatusOr<std::vector<ScheduleChange>> PostgresScheduleStore::ListChanges(int64_t after,
                                                                               int limit) {
  static const auto* const list = new pq::Statement{
      "list_changes",
      "SELECT a.seq, a.schedule_id, a.action, a.resource, coalesce(s.project, d.project),"
      "  coalesce(s.name, d.name), s.definition, c.watermark, c.fires "
      "FROM audit_entries a LEFT JOIN schedules s ON s.id = a.schedule_id"
      "  LEFT JOIN cursors c ON c.schedule_id = s.id"
      "  LEFT JOIN deleted_schedules d ON d.id = a.schedule_id "
      "WHERE a.seq > $1 AND a.schedule_id <> $2 ORDER BY a.seq LIMIT $3"};
  using Changes = absl::StatusOr<std::vector<ScheduleChange>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Changes {
    ASSIGN_OR_RETURN(const pq::Result rows,
                     connection.Run(*list, Params().Int8(after).Id({}).Int8(limit)));
    std::vector<ScheduleChange> changes;
    for (int row = 0; row < rows.rows(); ++row) {
      ScheduleChange change;
      change.revision = rows.Int(row, 0);
      change.id = {rows.Id(row, 1)};
      change.action = rows.Text(row, 2);
      change.resource = rows.Text(row, 3);
      change.key = {rows.Text(row, 4), rows.Text(row, 5)};
      if (!rows.IsNull(row, 6)) {
        ASSIGN_OR_RETURN(change.stored, StoredScheduleAt(rows, row, 6));
      }
      changes.push_back(std::move(change));
    }
    return changes;
  });
}

absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> PostgresScheduleStore::GetCursors(
    absl::Span<const ScheduleId> ids) {
  static const auto* const get =
      new pq::Statement{"get_cursors",
                        "SELECT schedule_id, watermark, fires FROM cursors "
                        "WHERE schedule_id = ANY($1)"};
  using Cursors = absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Cursors {
    Params params;
    params.Array(Type::kUuid, ids, [](ArrayBuilder& to, const ScheduleId& id) { to.Id(id.value); });
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*get, params));
    std::vector<std::pair<ScheduleId, Cursor>> cursors;
    for (int row = 0; row < rows.rows(); ++row) {
      cursors.push_back({{rows.Id(row, 0)}, {rows.Time(row, 1), rows.Int(row, 2)}});
    }
    return cursors;
  });
}

absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>>
PostgresScheduleStore::GetDeletedEngines(absl::Span<const ScheduleId> ids) {
  static const auto* const get = new pq::Statement{
      "get_deleted_engines",
      "SELECT id, engine FROM deleted_schedules WHERE id = ANY($1) AND engine <> ''"};
  using Engines = absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Engines {
    Params params;
    params.Array(Type::kUuid, ids, [](ArrayBuilder& to, const ScheduleId& id) { to.Id(id.value); });
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*get, params));
    std::vector<std::pair<ScheduleId, std::string>> engines;
    for (int row = 0; row < rows.rows(); ++row) {
      engines.emplace_back(ScheduleId{rows.Id(row, 0)}, rows.Text(row, 1));
    }
    return engines;
  });
}

absl::StatusOr<std::map<ScheduleState, int64_t>> PostgresScheduleStore::CountSchedules() {
  static const auto* const count = new pq::Statement{
      "count_schedules", "SELECT state::bigint, count(*) FROM schedules GROUP BY state"};
  using Counts = std::map<ScheduleState, int64_t>;
  const auto read = [&](Connection& connection) -> absl::StatusOr<Counts> {
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*count, {}));
    Counts counts;
    for (int row = 0; row < rows.rows(); ++row) {
      counts[static_cast<ScheduleState>(rows.Int(row, 0))] = rows.Int(row, 1);
    }
    return counts;
  };
  return WithConnection(read_, IfLost::kTryAgain, read);
}

absl::StatusOr<AuditHead> PostgresScheduleStore::GetAuditHead() {
  static const auto* const get =
      new pq::Statement{"get_head", "SELECT seq, mac, seal, key_id FROM audit_head"};
  using Head = absl::StatusOr<AuditHead>;
  return WithConnection(read_, IfLost::kTryAgain, [&](Connection& connection) -> Head {
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*get, {}));
    if (rows.rows() != 1) return absl::DataLossError("the table audit_head has lost its row");
    return AuditHeadAt(rows, 0);
  });
}

absl::StatusOr<std::vector<AuditEntry>> PostgresScheduleStore::ListAudit(int64_t after, int limit) {
  static const auto* const list = new pq::Statement{
      "list_audit", "SELECT * FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT $2"};
  using Entries = absl::StatusOr<std::vector<AuditEntry>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Entries {
    ASSIGN_OR_RETURN(const pq::Result rows,
                     connection.Run(*list, Params().Int8(after).Int8(limit)));
    std::vector<AuditEntry> entries;
    for (int row = 0; row < rows.rows(); ++row) entries.push_back(AuditEntryAt(rows, row));
    return entries;
  });
}

}  // namespace z4j::scheduler
