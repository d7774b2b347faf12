#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/page_token.h"
#include "services/scheduler/store/sqlite/rows.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"

// The lists with filters and pages.  Each asks for one row more than the page holds, to know
// whether it is the last.
namespace z4j::scheduler {
namespace {

using sqlite::Statement;

// The conditions of a query with what is bound to their question marks.  Few different texts come
// of it, so that the statement cache stays small.
class Conditions {
 public:
  Conditions& And(absl::string_view condition) {
    sql_ += absl::StrCat(sql_.empty() ? " WHERE " : " AND ", condition);
    return *this;
  }
  Conditions& Int(int64_t value) {
    values_.emplace_back(value);
    return *this;
  }
  Conditions& Text(std::string value) {
    values_.emplace_back(std::move(value));
    return *this;
  }
  Conditions& Blob(const Uuid& id) {
    values_.emplace_back(id);
    return *this;
  }
  const std::string& sql() const { return sql_; }
  void Bind(Statement& statement) const {
    for (const auto& value : values_) {
      if (auto* number = std::get_if<int64_t>(&value)) statement.BindInt(*number);
      if (auto* text = std::get_if<std::string>(&value)) statement.BindText(*text);
      if (auto* id = std::get_if<Uuid>(&value)) statement.BindIdOrEmpty(*id);
    }
  }

 private:
  std::string sql_;
  std::vector<std::variant<int64_t, std::string, Uuid>> values_;
};

Conditions Filter(const ScheduleQuery& query) {
  Conditions where;
  where.And("s.project = ?").Text(query.project);
  if (query.state) where.And("s.state = ?").Int(static_cast<int>(*query.state));
  if (!query.engine.empty()) where.And("s.engine = ?").Text(query.engine);
  if (!query.kind.empty()) where.And("s.kind = ?").Text(query.kind);
  if (!query.name_prefix.empty()) {
    // The byte 0xff is in no UTF-8 text, so exactly the names that begin so lie between.
    where.And("s.name >= ? AND s.name < ?").Text(query.name_prefix);
    where.Text(query.name_prefix + "\xff");
  }
  // So that the index serves, which holds those alone that were imported.
  if (!query.source_kind.empty() || !query.source_locator.empty()) {
    where.And("s.source_kind <> ''");
  }
  if (!query.source_kind.empty()) where.And("s.source_kind = ?").Text(query.source_kind);
  if (!query.source_locator.empty()) {
    where.And("s.source_locator = ?").Text(query.source_locator);
  }
  for (const auto& [name, value] : query.labels) {
    where.And("EXISTS (SELECT 1 FROM labels WHERE schedule_id = s.id AND name = ? AND value = ?)");
    where.Text(name).Text(value);
  }
  return where;
}

const char* ColumnOf(ScheduleOrder order) {
  return order == ScheduleOrder::kCreated ? "s.created_at" : "s.updated_at";
}

absl::StatusOr<Conditions> Filter(const FireQuery& query) {
  Conditions where;
  where.And("n.project = ?").Text(query.project);
  where.And("due_at >= ? AND due_at < ?").Int(ToMicros(query.from)).Int(ToMicros(query.to));
  if (query.schedule) where.And("schedule_id = ?").Blob(query.schedule->value);
  if (!query.states.empty()) {
    where.And(absl::StrCat("state IN (",
                           absl::StrJoin(query.states, ",",
                                         [](std::string* out, FireState state) {
                                           absl::StrAppend(out, static_cast<int>(state));
                                         }),
                           ")"));
  }
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(const FireKey after, ParseFireToken(query));
    where
        .And(absl::StrCat("(due_at, schedule_id, trigger_id) ", query.ascending ? ">" : "<",
                          " (?, ?, ?)"))
        .Int(ToMicros(after.due_at))
        .Blob(after.schedule.value)
        .Blob(after.trigger);
  }
  return where;
}

}  // namespace

absl::StatusOr<SchedulePage> SqliteScheduleStore::ListSchedules(const ScheduleQuery& query) {
  const char* sign = query.descending ? "<" : ">";
  const char* direction = query.descending ? " DESC" : "";
  const bool by_name = query.order == ScheduleOrder::kName;
  Conditions where = Filter(query);
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(const SchedulePosition after, ParseScheduleToken(query));
    if (by_name) {
      where.And(absl::StrCat("s.name ", sign, " ?")).Text(after.name);
    } else {
      where.And(absl::StrCat("(", ColumnOf(query.order), ", s.name) ", sign, " (?, ?)"))
          .Int(after.micros)
          .Text(after.name);
    }
  }
  const std::string order =
      by_name ? absl::StrCat("s.name", direction)
              : absl::StrCat(ColumnOf(query.order), direction, ", s.name", direction);
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(
      Statement read,
      reader->Prepare(absl::StrCat("SELECT ", sqlite::kStoredColumns,
                                   " FROM schedules s CROSS JOIN cursors c ON c.schedule_id = s.id",
                                   where.sql(), " ORDER BY ", order, " LIMIT ?")));
  where.Int(query.limit + 1).Bind(read);
  SchedulePage page;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return page;
    if (static_cast<int>(page.schedules.size()) == query.limit) {
      page.next = ScheduleToken(query, PositionOf(page.schedules.back().schedule, query.order));
      return page;
    }
    ASSIGN_OR_RETURN(page.schedules.emplace_back(), sqlite::ReadStored(read, 0));
  }
}

absl::StatusOr<FirePage> SqliteScheduleStore::ListFires(const FireQuery& query) {
  const char* direction = query.ascending ? "" : " DESC";
  ASSIGN_OR_RETURN(Conditions where, Filter(query));
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  // The table stands in due order, the index in due order for each schedule: no sorting.
  ASSIGN_OR_RETURN(
      Statement read,
      reader->Prepare(absl::StrCat(
          "SELECT ", sqlite::kFireColumns, ", n.project, n.name FROM fires",
          query.schedule ? " INDEXED BY fires_by_schedule" : " NOT INDEXED",
          " CROSS JOIN names n ON n.id = schedule_id", where.sql(), " ORDER BY due_at", direction,
          ", schedule_id", direction, ", trigger_id", direction, " LIMIT ?")));
  where.Int(query.limit + 1).Bind(read);
  FirePage page;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return page;
    if (static_cast<int>(page.fires.size()) == query.limit) {
      page.next = FireToken(query, page.fires.back().fire.key);
      return page;
    }
    ASSIGN_OR_RETURN(PendingFire fire, sqlite::ReadFire(read));
    page.fires.push_back(
        {std::move(fire.fire),
         {read.Text(sqlite::kFireColumnCount), read.Text(sqlite::kFireColumnCount + 1)}});
  }
}

}  // namespace z4j::scheduler
