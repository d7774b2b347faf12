#include "services/scheduler/store/sqlite/fires.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/sqlite/rows.h"

namespace z4j::scheduler::sqlite {

absl::StatusOr<FireInserter> FireInserter::Prepare(Connection& connection) {
  std::string sql = absl::StrCat("INSERT INTO fires (", kFireColumns, ") VALUES (?");
  for (int i = 1; i < kFireColumnCount; ++i) sql += ", ?";
  ASSIGN_OR_RETURN(Statement insert, connection.Prepare(sql + ") ON CONFLICT DO NOTHING"));
  return FireInserter(std::move(insert));
}

absl::Status FireInserter::Insert(const Fire& fire, int64_t batch_id, WrittenKeys& written) {
  BindFire(insert_, fire, batch_id);
  ASSIGN_OR_RETURN(const int64_t inserted, insert_.Run());
  if (inserted > 0) written.Add(fire.key);
  return absl::OkStatus();
}

absl::StatusOr<FireUpdater> FireUpdater::Prepare(Connection& connection) {
  // Forward only: a state is followed by itself or a greater one, and those above 3 are final.
  ASSIGN_OR_RETURN(
      Statement update,
      connection.Prepare("UPDATE fires SET state = ?1, reason = ?2, error = ?3,"
                         " adapter = CASE WHEN ?4 = '' THEN adapter ELSE ?4 END,"
                         " attempts = CASE WHEN ?5 = 0 THEN attempts ELSE ?5 END,"
                         " dispatched_at = CASE WHEN state <= 2 THEN coalesce(?6, dispatched_at)"
                         "  ELSE dispatched_at END,"
                         " started_at = coalesce(?7, started_at), finished_at = ?8"
                         " WHERE due_at = ?9 AND schedule_id = ?10 AND trigger_id = ?11"
                         " AND state <= 3 AND state <= ?1"));
  ASSIGN_OR_RETURN(Statement find,
                   connection.Prepare("SELECT due_at, schedule_id, trigger_id FROM fires"
                                      " WHERE fire_id = ?"));
  return FireUpdater(std::move(update), std::move(find));
}

absl::StatusOr<bool> FireUpdater::Update(const FireChange& change, WrittenKeys& written) {
  const FireUpdate& update = change.last;
  FireKey key = update.key;
  if (key.schedule.value.is_zero()) {
    ASSIGN_OR_RETURN(const bool found, find_.BindId(update.id.value).Step());
    if (found) {
      key.due_at = find_.Time(0);
      ASSIGN_OR_RETURN(key.schedule.value, find_.Id(1));
      ASSIGN_OR_RETURN(key.trigger, find_.IdOrEmpty(2));
    }
    find_.Reset();
    if (!found) return false;
  }
  ASSIGN_OR_RETURN(const int64_t updated, update_.BindInt(static_cast<int>(update.state))
                                              .BindInt(static_cast<int>(update.reason))
                                              .BindText(update.error)
                                              .BindText(update.adapter)
                                              .BindInt(update.attempts)
                                              .BindTimeOrNull(change.dispatched_at)
                                              .BindTimeOrNull(change.started_at)
                                              .BindTimeOrNull(change.finished_at)
                                              .BindTime(key.due_at)
                                              .BindId(key.schedule.value)
                                              .BindIdOrEmpty(key.trigger)
                                              .Run());
  if (updated > 0) written.Add(key);
  return updated > 0;
}

}  // namespace z4j::scheduler::sqlite
