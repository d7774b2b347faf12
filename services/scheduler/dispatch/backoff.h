#ifndef Z4J_SCHEDULER_DISPATCH_BACKOFF_H_
#define Z4J_SCHEDULER_DISPATCH_BACKOFF_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// How long to wait after the `attempt`-th failed attempt (1, 2, …): initial_backoff doubled each
// time up to max_backoff, of which `random` (any number) takes off up to half, so that many fires
// that failed together do not come back together.  Pure.
inline absl::Duration BackoffOf(const RetryPolicy& policy, int attempt, uint64_t random) {
  const int doublings = std::clamp(attempt - 1, 0, 40);
  const absl::Duration full =
      std::min(policy.initial_backoff * (int64_t{1} << doublings), policy.max_backoff);
  return full - full * (static_cast<double>(random % 1024) / 2048);
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_BACKOFF_H_
