#ifndef Z4J_SCHEDULER_STORE_CHANGE_SIGNAL_H_
#define Z4J_SCHEDULER_STORE_CHANGE_SIGNAL_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "services/base/monotone_mutex.h"

namespace z4j::scheduler {

// ScheduleStore::AwaitChange for stores that one process owns.  Thread-safe.
class ChangeSignal {
 public:
  void Notify() ABSL_LOCKS_EXCLUDED(mu_) {
    MonotoneMutexLock lock(&mu_);
    ++changes_;
  }

  // Returns once there is a change that no call has returned for yet, or after `timeout`.
  void Await(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_) {
    MonotoneMutexLock lock(&mu_);
    const int64_t seen = seen_;
    auto changed = [this, seen]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return changes_ != seen; };
    mu_.AwaitAtMost(timeout, absl::Condition(&changed));
    seen_ = changes_;
  }

 private:
  MonotoneMutex mu_;
  int64_t changes_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t seen_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_CHANGE_SIGNAL_H_
