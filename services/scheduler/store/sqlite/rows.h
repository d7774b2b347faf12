#ifndef Z4J_SCHEDULER_STORE_SQLITE_ROWS_H_
#define Z4J_SCHEDULER_STORE_SQLITE_ROWS_H_

#include "absl/status/statusor.h"
#include "services/scheduler/store/schedule_store.h"
#include "services/scheduler/store/sqlite/sqlite.h"

// Rows of the schema as values and back.  Reading returns DATA_LOSS for what no store wrote.
namespace z4j::scheduler::sqlite {

// All columns of `fires`, in the order of BindFire and ReadFire.
inline constexpr char kFireColumns[] =
    "due_at, schedule_id, trigger_id, fire_id, batch_id, kind, state, reason, dispatch_after, "
    "decided_at, dispatched_at, started_at, finished_at, attempts, error, adapter, count, "
    "first_due_at, args_json, kwargs_json, run, retry_of";
inline constexpr int kFireColumnCount = 22;
void BindFire(Statement& statement, const Fire& fire, int64_t batch_id);
absl::StatusOr<PendingFire> ReadFire(const Statement& row);

// `definition`, `watermark`, `fires`.
inline constexpr char kStoredColumns[] = "s.definition, c.watermark, c.fires";
absl::StatusOr<StoredSchedule> ReadStored(const Statement& row, int first_column);

// All columns of `audit_entries`.
void BindAudit(Statement& statement, const AuditEntry& entry);
absl::StatusOr<AuditEntry> ReadAudit(const Statement& row);

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_ROWS_H_
