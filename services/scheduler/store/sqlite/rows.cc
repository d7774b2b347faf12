#include "services/scheduler/store/sqlite/rows.h"

#include "services/base/status_macros.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler::sqlite {

void BindFire(Statement& statement, const Fire& fire, int64_t batch_id) {
  statement.BindTime(fire.key.due_at)
      .BindId(fire.key.schedule.value)
      .BindIdOrEmpty(fire.key.trigger)
      .BindId(fire.id.value)
      .BindInt(batch_id)
      .BindInt(static_cast<int>(fire.kind))
      .BindInt(static_cast<int>(fire.state))
      .BindInt(static_cast<int>(fire.reason))
      .BindTime(fire.dispatch_after)
      .BindTime(fire.decided_at)
      .BindTimeOrNull(fire.dispatched_at)
      .BindTimeOrNull(fire.started_at)
      .BindTimeOrNull(fire.finished_at)
      .BindInt(fire.attempts)
      .BindText(fire.error)
      .BindText(fire.adapter)
      .BindInt(fire.count)
      .BindTime(fire.first_due_at)
      .BindText(fire.args_json)
      .BindText(fire.kwargs_json)
      .BindInt(fire.run)
      .BindIdOrEmpty(fire.retry_of.value);
}

absl::StatusOr<PendingFire> ReadFire(const Statement& row) {
  PendingFire pending;
  Fire& fire = pending.fire;
  fire.key.due_at = row.Time(0);
  ASSIGN_OR_RETURN(fire.key.schedule.value, row.Id(1));
  ASSIGN_OR_RETURN(fire.key.trigger, row.IdOrEmpty(2));
  ASSIGN_OR_RETURN(fire.id.value, row.Id(3));
  pending.batch_id = row.Int(4);
  fire.kind = static_cast<FireKind>(row.Int(5));
  fire.state = static_cast<FireState>(row.Int(6));
  fire.reason = static_cast<FireReason>(row.Int(7));
  fire.dispatch_after = row.Time(8);
  fire.decided_at = row.Time(9);
  fire.dispatched_at = row.Time(10);
  fire.started_at = row.Time(11);
  fire.finished_at = row.Time(12);
  fire.attempts = static_cast<int>(row.Int(13));
  fire.error = row.Text(14);
  fire.adapter = row.Text(15);
  fire.count = row.Int(16);
  fire.first_due_at = row.Time(17);
  fire.args_json = row.Text(18);
  fire.kwargs_json = row.Text(19);
  fire.run = static_cast<int>(row.Int(20));
  ASSIGN_OR_RETURN(fire.retry_of.value, row.IdOrEmpty(21));
  return pending;
}

absl::StatusOr<StoredSchedule> ReadStored(const Statement& row, int first_column) {
  StoredSchedule stored;
  ASSIGN_OR_RETURN(stored.schedule, DecodeSchedule(row.View(first_column)));
  stored.cursor.watermark = row.Time(first_column + 1);
  stored.cursor.fires = row.Int(first_column + 2);
  return stored;
}

void BindAudit(Statement& statement, const AuditEntry& entry) {
  statement.BindInt(entry.seq)
      .BindTime(entry.at)
      .BindText(entry.actor)
      .BindText(entry.source)
      .BindText(entry.action)
      .BindText(entry.resource)
      .BindIdOrEmpty(entry.schedule.value)
      .BindText(entry.before)
      .BindText(entry.after)
      .BindText(entry.request_id)
      .BindText(entry.key_id)
      .BindBlob(entry.previous_mac)
      .BindBlob(entry.mac);
}

absl::StatusOr<AuditEntry> ReadAudit(const Statement& row) {
  AuditEntry entry;
  entry.seq = row.Int(0);
  entry.at = row.Time(1);
  entry.actor = row.Text(2);
  entry.source = row.Text(3);
  entry.action = row.Text(4);
  entry.resource = row.Text(5);
  ASSIGN_OR_RETURN(entry.schedule.value, row.IdOrEmpty(6));
  entry.before = row.Text(7);
  entry.after = row.Text(8);
  entry.request_id = row.Text(9);
  entry.key_id = row.Text(10);
  entry.previous_mac = row.Text(11);
  entry.mac = row.Text(12);
  return entry;
}

}  // namespace z4j::scheduler::sqlite
