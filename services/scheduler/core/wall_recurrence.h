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

// A pattern of whole seconds on a zone's wall clock.
template <typename Pattern>
class WallRecurrence final : public Recurrence {
 public:
  WallRecurrence(Pattern pattern, WallClock clock)
      : pattern_(std::move(pattern)), clock_(std::move(clock)) {}

  absl::Time NextAfter(absl::Time after) const override {
    return TimeOf(clock_.FirstAtOrAfter(pattern_, FloorSeconds(after) + 1));
  }
  absl::Time LastAtOrBefore(absl::Time at) const override {
    return TimeOf(clock_.LastAtOrBefore(pattern_, FloorSeconds(at)));
  }
  int64_t CountBetween(absl::Time after, absl::Time until) const override {
    return clock_.CountIn(pattern_, FloorSeconds(after) + 1, FloorSeconds(until) + 1);
  }

 private:
  Pattern pattern_;
  WallClock clock_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_WALL_RECURRENCE_H_
