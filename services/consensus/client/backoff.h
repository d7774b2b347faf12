#ifndef Z4J_CONSENSUS_CLIENT_BACKOFF_H_
#define Z4J_CONSENSUS_CLIENT_BACKOFF_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "services/base/rng.h"
#include "services/consensus/client/limits.h"

namespace z4j::consensus::client {

// How long to wait before the next try: not at all as long as there is a node that was not asked
// yet, then longer and longer, each time another while so that callers do not keep step.  Pure.
class Backoff {
 public:
  // `nodes`: how many can be asked.
  Backoff(size_t nodes, uint64_t seed) : nodes_(nodes), rng_(seed) {}

  // After a try in vain that another node may do better.
  absl::Duration AskNext() { return ++asked_ < nodes_ ? absl::ZeroDuration() : Wait(); }
  // After a try that no other node would do better.
  absl::Duration Wait() {
    const absl::Duration most = longest_;
    longest_ = std::min(longest_ * 2, kBackoffMax);
    return absl::Milliseconds(
        rng_.Between(absl::ToInt64Milliseconds(kBackoffMin), absl::ToInt64Milliseconds(most)));
  }
  // After a success.
  void Reset() {
    asked_ = 0;
    longest_ = kBackoffMin;
  }

 private:
  const size_t nodes_;
  Rng rng_;
  size_t asked_ = 0;
  absl::Duration longest_ = kBackoffMin;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_BACKOFF_H_
