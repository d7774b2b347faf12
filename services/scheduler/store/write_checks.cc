#include "services/scheduler/store/write_checks.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

absl::Status CheckAudit(const AuditHead& head, const WriteSet& write) {
  int64_t seq = head.seq;
  for (const AuditEntry& entry : write.audit) {
    if (entry.seq != ++seq) {
      return absl::InvalidArgumentError(
          absl::StrCat("audit entry ", entry.seq, " does not follow ", seq - 1));
    }
  }
  if (!write.audit.empty() && write.head.seq != seq) {
    return absl::InvalidArgumentError(
        absl::StrCat("the audit head counts ", write.head.seq, " entries, not ", seq));
  }
  return absl::OkStatus();
}

bool MustNotBeEarly(const Fire& fire) {
  return fire.state == FireState::kPending || fire.reason == FireReason::kShadow;
}

absl::Status CheckBatch(const FireBatch& batch, absl::Time now) {
  absl::flat_hash_set<ScheduleId> moved;
  for (const FireBatch::CursorMove& move : batch.cursors) {
    if (!moved.insert(move.schedule).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the batch moves the cursor of ", move.schedule.ToString(), " twice"));
    }
  }
  for (const Fire& fire : batch.fires) {
    if (!moved.contains(fire.key.schedule)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the batch has a fire but no cursor of schedule ", fire.key.schedule.ToString()));
    }
    if (MustNotBeEarly(fire) && fire.key.due_at > now + kClockAheadMax) {
      return absl::FailedPreconditionError(
          absl::StrCat("a fire is due at ", absl::FormatTime(fire.key.due_at, absl::UTCTimeZone()),
                       ", but the store's clock says ", absl::FormatTime(now, absl::UTCTimeZone()),
                       "; set this node's clock by NTP"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFence(const FenceRow& row, FencingToken token) {
  if (row.token == token) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("fenced: token ", token.value, " is not ", row.token.value,
                                         ", which ", row.holder, " holds"));
}

absl::Status CheckRaise(const FenceRow& row, FencingToken token, const std::string& holder) {
  if (row.token < token || (row.token == token && row.holder == holder)) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the fence stands at token ", row.token.value, " of ",
                                         row.holder, "; ", token.value, " is not newer"));
}

}  // namespace z4j::scheduler
