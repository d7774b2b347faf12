#ifndef Z4J_SCHEDULER_STORE_SQLITE_FENCE_H_
#define Z4J_SCHEDULER_STORE_SQLITE_FENCE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/scheduler/store/schedule_store.h"
#include "services/scheduler/store/sqlite/sqlite.h"

// The one row of the table `fence`, and the table `outages`.  Writes stand inside the caller's
// transaction.
namespace z4j::scheduler::sqlite {

// Without the outages and `read_at`.
absl::StatusOr<FenceRow> ReadFenceRow(Connection& connection);
absl::StatusOr<std::vector<Outage>> ReadOutages(Connection& connection);
absl::Status WriteOutages(Connection& connection, absl::Span<const Outage> outages);

// Checks `token` (ABORTED) and notes that its holder was live at `at`: the first statement of each
// write of the leader.
absl::Status HoldFence(Connection& connection, FencingToken token, absl::Time at);

// The number of a new batch, greater than all before.
absl::StatusOr<int64_t> NextBatch(Connection& connection);

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_FENCE_H_
