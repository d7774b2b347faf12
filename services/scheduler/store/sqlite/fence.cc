#include "services/scheduler/store/sqlite/fence.h"

#include "services/base/status_macros.h"
#include "services/scheduler/store/write_checks.h"

namespace z4j::scheduler::sqlite {

absl::StatusOr<FenceRow> ReadFenceRow(Connection& connection) {
  ASSIGN_OR_RETURN(Statement read,
                   connection.Prepare("SELECT token, holder, live_at, (SELECT seq FROM audit_head)"
                                      " FROM fence WHERE one = 1"));
  ASSIGN_OR_RETURN(const bool found, read.Step());
  if (!found) return absl::DataLossError("the fence's row is gone");
  return FenceRow{{read.Int(0)}, read.Text(1), read.Time(2), {}, read.Int(3), {}};
}

absl::StatusOr<std::vector<Outage>> ReadOutages(Connection& connection) {
  ASSIGN_OR_RETURN(Statement read,
                   connection.Prepare("SELECT began_at, ended_at FROM outages ORDER BY began_at"));
  std::vector<Outage> outages;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return outages;
    outages.push_back({read.Time(0), read.Time(1)});
  }
}

absl::Status WriteOutages(Connection& connection, absl::Span<const Outage> outages) {
  {
    ASSIGN_OR_RETURN(Statement clear, connection.Prepare("DELETE FROM outages"));
    RETURN_IF_ERROR(clear.Run().status());
  }
  for (const Outage& outage : outages) {
    ASSIGN_OR_RETURN(Statement add, connection.Prepare("INSERT INTO outages VALUES (?, ?)"));
    RETURN_IF_ERROR(add.BindTime(outage.from).BindTime(outage.to).Run().status());
  }
  return absl::OkStatus();
}

absl::Status HoldFence(Connection& connection, FencingToken token, absl::Time at) {
  ASSIGN_OR_RETURN(const FenceRow row, ReadFenceRow(connection));
  RETURN_IF_ERROR(CheckFence(row, token));
  ASSIGN_OR_RETURN(Statement note, connection.Prepare("UPDATE fence SET live_at = ?"));
  return note.BindTime(at).Run().status();
}

absl::StatusOr<int64_t> NextBatch(Connection& connection) {
  ASSIGN_OR_RETURN(
      Statement next,
      connection.Prepare("UPDATE fence SET last_batch = last_batch + 1 RETURNING last_batch"));
  ASSIGN_OR_RETURN(const bool found, next.Step());
  if (!found) return absl::DataLossError("the fence's row is gone");
  return next.Int(0);
}

}  // namespace z4j::scheduler::sqlite
