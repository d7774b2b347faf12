#ifndef Z4J_SCHEDULER_CORE_EVERY_FEW_DAYS_H_
#define Z4J_SCHEDULER_CORE_EVERY_FEW_DAYS_H_

#include <algorithm>
#include <cstdint>

#include "services/scheduler/core/calendar.h"
#include "services/scheduler/core/wall_clock.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// The wall times `first + n * period`, n >= 0, to the end of kCalendarYearMax.
class EveryFewDays final : public WallPattern {
 public:
  // `period_s` > 0: whole days, in seconds.
  EveryFewDays(WallSecond first, int64_t period_s) : first_(first), period_(period_s) {}

  WallSecond FirstAtOrAfter(WallSecond from) const override {
    const WallSecond next =
        from <= first_ ? first_ : first_ + (from - first_ + period_ - 1) / period_ * period_;
    return next < kEnd ? next : kDistantFuture;
  }
  WallSecond LastAtOrBefore(WallSecond at) const override {
    at = std::min(at, kEnd - 1);
    return at < first_ ? kDistantPast : first_ + (at - first_) / period_ * period_;
  }
  int64_t CountIn(WallSecond from, WallSecond to) const override {
    const auto count_before = [&](WallSecond w) {
      return w <= first_ ? 0 : (std::min(w, kEnd) - 1 - first_) / period_ + 1;
    };
    return from < to ? count_before(to) - count_before(from) : 0;
  }

 private:
  static constexpr WallSecond kEnd = MonthStart(kCalendarYearMax + 1, 1) * kSecondsPerDay;

  WallSecond first_;
  int64_t period_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_EVERY_FEW_DAYS_H_
