#ifndef Z4J_CONSENSUS_ADMISSION_TOKEN_BUCKET_H_
#define Z4J_CONSENSUS_ADMISSION_TOKEN_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"
#include "services/base/mono_time.h"

namespace z4j::consensus {

// What a bucket lets through: `burst` at once, and one each `every` in the long run.
struct Rate {
  absl::Duration every;  // > 0
  int burst = 1;         // >= 1
};

// A value that is told the time.  Kept as the instant at which it will be full again, so that no
// token is ever lost to rounding.
class TokenBucket {
 public:
  // Takes a token if there is one; otherwise takes none and returns how long until there is.
  // Zero: taken.  `now` may go back, which gives nothing.
  absl::Duration Take(const Rate& rate, MonoTime now) {
    const MonoTime full_at = std::max(full_at_, now);
    const absl::Duration wait = full_at - now - rate.every * (rate.burst - 1);
    if (wait > absl::ZeroDuration()) return wait;
    full_at_ = full_at + rate.every;
    return absl::ZeroDuration();
  }
  // A full one remembers nothing.
  bool full(MonoTime now) const { return full_at_ <= now; }

 private:
  MonoTime full_at_{-absl::InfiniteDuration()};
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_ADMISSION_TOKEN_BUCKET_H_
