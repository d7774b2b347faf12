#ifndef Z4J_SCHEDULER_CORE_TESTING_TEST_RECURRENCES_H_
#define Z4J_SCHEDULER_CORE_TESTING_TEST_RECURRENCES_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"

// Recurrences simple enough to be obviously right, for tests of what is built upon them.
namespace z4j::scheduler {

// Every `period` from `anchor` on.  Counts how often it is asked, in `calls`.
class EveryPeriod final : public Recurrence {
 public:
  EveryPeriod(absl::Time anchor, absl::Duration period) : anchor_(anchor), period_(period) {}

  absl::Time NextAfter(absl::Time after) const override {
    ++calls;
    return after < anchor_ ? anchor_ : anchor_ + (Index(after) + 1) * period_;
  }
  absl::Time LastAtOrBefore(absl::Time at) const override {
    ++calls;
    return at < anchor_ ? absl::InfinitePast() : anchor_ + Index(at) * period_;
  }
  int64_t CountBetween(absl::Time after, absl::Time until) const override {
    ++calls;
    return until <= after ? 0 : Index(until) - Index(after);
  }

  mutable int64_t calls = 0;

 private:
  // -1 before the anchor.
  int64_t Index(absl::Time at) const {
    absl::Duration rest;
    return at < anchor_ ? -1 : absl::IDivDuration(at - anchor_, period_, &rest);
  }

  const absl::Time anchor_;
  const absl::Duration period_;
};

// At the given instants.
class AtTimes final : public Recurrence {
 public:
  explicit AtTimes(std::vector<absl::Time> times) : times_(std::move(times)) {
    std::sort(times_.begin(), times_.end());
    times_.erase(std::unique(times_.begin(), times_.end()), times_.end());
  }

  absl::Time NextAfter(absl::Time after) const override {
    const auto it = std::upper_bound(times_.begin(), times_.end(), after);
    return it == times_.end() ? absl::InfiniteFuture() : *it;
  }
  absl::Time LastAtOrBefore(absl::Time at) const override {
    const auto it = std::upper_bound(times_.begin(), times_.end(), at);
    return it == times_.begin() ? absl::InfinitePast() : *(it - 1);
  }
  int64_t CountBetween(absl::Time after, absl::Time until) const override {
    if (until <= after) return 0;
    return std::upper_bound(times_.begin(), times_.end(), until) -
           std::upper_bound(times_.begin(), times_.end(), after);
  }

 private:
  std::vector<absl::Time> times_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_TESTING_TEST_RECURRENCES_H_
