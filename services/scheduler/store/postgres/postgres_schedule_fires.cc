#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/page_token.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/query_text.h"
#include "services/scheduler/store/postgres/retry.h"

// Reads of fires.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Connection;
using pq::Params;
using pq::Type;

// Fires with the name that their schedule has or had.
std::string NamedFires() {
  return absl::StrCat("SELECT ", FireColumns("f"),
                      ", coalesce(s.project, d.project), coalesce(s.name, d.name) FROM fires f"
                      " LEFT JOIN schedules s ON s.id = f.schedule_id"
                      " LEFT JOIN deleted_schedules d ON d.id = f.schedule_id");
}

NamedFire NamedFireAt(const pq::Result& rows, int row) {
  return {FireAt(rows, row), {rows.Text(row, kFireColumns), rows.Text(row, kFireColumns + 1)}};
}

absl::StatusOr<QueryText> PageOf(const FireQuery& query) {
  QueryText text(NamedFires());
  text.params().Text(query.project);
  text.Where("coalesce(s.project, d.project) = ?1");
  if (query.schedule) {
    text.params().Id(query.schedule->value);
    text.Where("f.schedule_id = ?1");
  }
  if (!query.states.empty()) {
    text.params().Array(Type::kInt2, query.states, [](ArrayBuilder& to, FireState state) {
      to.Int2(static_cast<int16_t>(state));
    });
    text.Where("f.state = ANY(?1)");
  }
  if (query.from != absl::InfinitePast()) {
    text.params().Time(query.from);
    text.Where("f.due_at >= ?1");
  }
  if (query.to != absl::InfiniteFuture()) {
    text.params().Time(query.to);
    text.Where("f.due_at < ?1");
  }
  const char* const after = query.ascending ? ">" : "<";
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(const FireKey last, ParseFireToken(query));
    text.params().Time(last.due_at).Id(last.schedule.value).Id(last.trigger);
    // The first condition follows from the second, but only the first chooses partitions.
    text.Where(absl::StrCat("f.due_at ", after, "= ?1 AND ",
                            "(f.due_at, f.schedule_id, f.trigger_id) ", after, " (?1, ?2, ?3)"),
               3);
  }
  const char* const direction = query.ascending ? "" : " DESC";
  text.Then(absl::StrCat("ORDER BY f.due_at", direction, ", f.schedule_id", direction,
                         ", f.trigger_id", direction, " LIMIT ", query.limit + 1));
  return text;
}

}  // namespace

absl::StatusOr<NamedFire> PostgresScheduleStore::GetFire(FireId id) {
  static const auto* const get =
      new pq::Statement{"get_fire", absl::StrCat(NamedFires(), " WHERE f.fire_id = $1")};
  using Found = absl::StatusOr<NamedFire>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Found {
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*get, Params().Id(id.value)));
    if (rows.rows() == 0) return absl::NotFoundError(absl::StrCat("no fire ", id.ToString()));
    return NamedFireAt(rows, 0);
  });
}

absl::StatusOr<std::vector<NamedFire>> PostgresScheduleStore::GetFires(
    absl::Span<const FireKey> keys) {
  static const auto* const get =
      new pq::Statement{"get_fires", NamedFires() +
                                         " JOIN unnest($1, $2, $3) AS n(schedule_id, due_at,"
                                         " trigger_id) ON f.schedule_id = n.schedule_id AND"
                                         " f.due_at = n.due_at AND f.trigger_id = n.trigger_id"};
  using Fires = absl::StatusOr<std::vector<NamedFire>>;
  return WithConnection(lookup_, IfLost::kTryAgain, [&](Connection& connection) -> Fires {
    Params params;
    AddKeys(params, keys);
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(*get, params));
    std::vector<NamedFire> fires;
    for (int row = 0; row < rows.rows(); ++row) fires.push_back(NamedFireAt(rows, row));
    return fires;
  });
}

absl::StatusOr<FirePage> PostgresScheduleStore::ListFires(const FireQuery& query) {
  ASSIGN_OR_RETURN(QueryText text, PageOf(query));
  using Page = absl::StatusOr<FirePage>;
  return WithConnection(read_, IfLost::kTryAgain, [&](Connection& connection) -> Page {
    ASSIGN_OR_RETURN(const pq::Result rows, connection.Run(text.statement(), text.params()));
    FirePage page;
    for (int row = 0; row < rows.rows() && row < query.limit; ++row) {
      page.fires.push_back(NamedFireAt(rows, row));
    }
    if (rows.rows() > query.limit && !page.fires.empty()) {
      page.next = FireToken(query, page.fires.back().fire.key);
    }
    return page;
  });
}

}  // namespace z4j::scheduler
