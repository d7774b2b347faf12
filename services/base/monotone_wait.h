#ifndef Z4J_BASE_MONOTONE_WAIT_H_
#define Z4J_BASE_MONOTONE_WAIT_H_

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace z4j {

// Waits until `condition` holds or `timeout` has passed, by a monotone clock: absl::Mutex waits by
// the wall clock, and one that is set back would prolong the wait.  May return after an hour
// already, as longer waits would overflow: who wakes up early looks again.
template <typename Condition>
void WaitAtMost(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                absl::Duration timeout, Condition condition) {
  const absl::Duration bounded = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(1));
  changed.wait_for(lock, absl::ToChronoNanoseconds(bounded), condition);
}

}  // namespace z4j

#endif  // Z4J_BASE_MONOTONE_WAIT_H_
