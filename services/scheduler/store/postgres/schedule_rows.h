#ifndef Z4J_SCHEDULER_STORE_POSTGRES_SCHEDULE_ROWS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_SCHEDULE_ROWS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/scheduler/store/postgres/pq_values.h"
#include "services/scheduler/store/schedule_store.h"

// Schedules and audit entries as rows and arrays.
namespace z4j::scheduler {

// Two arrays: projects and names.
pq::Params KeyArrays(absl::Span<const ScheduleKey> keys);

// Eleven arrays: the columns of the table `schedules`, in its order, sorted by id.
pq::Params ScheduleArrays(std::vector<const Schedule*> schedules);

// Reads the columns definition, watermark and fires.  DATA_LOSS if the definition is damaged.
absl::StatusOr<StoredSchedule> StoredScheduleAt(const pq::Result& result, int row, int column);

// Labels as the JSON object that is searched in.
std::string LabelsJson(const std::map<std::string, std::string>& labels);

// Thirteen arrays: the columns of audit_entries, in its order.
void AddAudit(pq::Params& params, const std::vector<AuditEntry>& entries);
AuditEntry AuditEntryAt(const pq::Result& result, int row);

// Reads seq, mac, seal and key_id.
AuditHead AuditHeadAt(const pq::Result& result, int row);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_SCHEDULE_ROWS_H_
