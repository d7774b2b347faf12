#ifndef Z4J_SCHEDULER_STORE_WRITE_CHECKS_H_
#define Z4J_SCHEDULER_STORE_WRITE_CHECKS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/scheduler/store/schedule_store.h"

// What every store refuses before it writes.  Pure.
namespace z4j::scheduler {

// INVALID_ARGUMENT unless the audit entries go on from `head` without a gap and end in the new
// head.
absl::Status CheckAudit(const AuditHead& head, const WriteSet& write);

// Whether the store's clock must have come to `fire`.  One in shadow is not dispatched, but once it
// is recorded nobody fires it: early, it would be lost to a resume just before its time.
bool MustNotBeEarly(const Fire& fire);

// INVALID_ARGUMENT if a fire's schedule has no cursor in the batch or two, FAILED_PRECONDITION if a
// fire that must not be early is due more than kClockAheadMax after `now`.
absl::Status CheckBatch(const FireBatch& batch, absl::Time now);

// ABORTED unless `token` is the one that stands in `row`.
absl::Status CheckFence(const FenceRow& row, FencingToken token);

// ABORTED if `holder` may not raise the fence from `row` to `token`.
absl::Status CheckRaise(const FenceRow& row, FencingToken token, const std::string& holder);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_WRITE_CHECKS_H_
