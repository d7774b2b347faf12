#ifndef Z4J_SCHEDULER_CORE_WALL_RECURRENCE_H_
#define Z4J_SCHEDULER_CORE_WALL_RECURRENCE_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/wall_clock.h"
#include "services/scheduler/core/zone.h"

namespace z4j::scheduler {

// Whole Unix seconds, rounded down; infinite times become kDistantPast and kDistantFuture.
inline int64_t FloorSeconds(absl::Time time) {
  return std::clamp(absl::ToUnixSeconds(time), kDistantPast, kDistantFuture);
}
inline absl::Time TimeOf(int64_t unix_seconds) {
  if (unix_seconds <= kDistantPast) return absl::InfinitePast();
  if (unix_seconds >= kDistantFuture) return absl::InfiniteFuture();
  return absl::FromUnixSeconds(unix_seconds);
}

// A pattern on a zone's wall clock.  The clock is walked in whole seconds; the same fraction of a
// second is added to each instant.
template <typename Pattern>
class WallRecurrence final : public Recurrence {
 public:
  // `fraction` is at least 0 and less than a second.
  WallRecurrence(Pattern pattern, WallClock clock, absl::Duration fraction = absl::ZeroDuration())
      : pattern_(std::move(pattern)), clock_(std::move(clock)), fraction_(fraction) {}

  absl::Time NextAfter(absl::Time after) const override {
    return TimeOf(clock_.FirstAtOrAfter(pattern_, FloorSeconds(after - fraction_) + 1)) + fraction_;
  }
  absl::Time LastAtOrBefore(absl::Time at) const override {
    return TimeOf(clock_.LastAtOrBefore(pattern_, FloorSeconds(at - fraction_))) + fraction_;
  }
  int64_t CountBetween(absl::Time after, absl::Time until) const override {
    return clock_.CountIn(pattern_, FloorSeconds(after - fraction_) + 1,
                          FloorSeconds(until - fraction_) + 1);
  }

 private:
  Pattern pattern_;
  WallClock clock_;
  absl::Duration fraction_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_WALL_RECURRENCE_H_
