#ifndef Z4J_BASE_TESTING_SIMULATED_CLOCK_H_
#define Z4J_BASE_TESTING_SIMULATED_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"

namespace z4j {

// A clock that stands still until it is told to move.  Thread-safe.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(absl::Time start) : now_(start) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mu_);
    return now_;
  }
  MonoTime MonoNow() override {
    absl::MutexLock lock(&mu_);
    return mono_;
  }

  // Time passes: both clocks move.  `by` >= 0.
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mu_);
    now_ += by;
    mono_ = mono_ + by;
  }
  // Someone sets the wall clock; the monotone clock does not notice.
  void SetWallClock(absl::Time now) {
    absl::MutexLock lock(&mu_);
    now_ = now;
  }

 private:
  absl::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
  MonoTime mono_ ABSL_GUARDED_BY(mu_) = {absl::Hours(1)};
};

}  // namespace z4j

#endif  // Z4J_BASE_TESTING_SIMULATED_CLOCK_H_
