#ifndef Z4J_BASE_MONOTONE_MUTEX_H_
#define Z4J_BASE_MONOTONE_MUTEX_H_

#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace z4j {

// absl::Mutex for a class that waits with a timeout.  absl's timeouts follow the wall clock: set it
// back by an hour, and who waits for 5 ms waits for an hour.  Here they follow a monotone clock.
// Conditions are as absl's: short, without side effects, over what the mutex guards; who unlocks
// asks them, and wakes the waiters whose condition holds.
class ABSL_LOCKABLE MonotoneMutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION();
  void Unlock() ABSL_UNLOCK_FUNCTION();

  // Unlocks, waits until `condition` holds, and locks again.
  void Await(const absl::Condition& condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  // The same, for `timeout` at most; whether `condition` holds.
  bool AwaitAtMost(absl::Duration timeout, const absl::Condition& condition)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);

 private:
  struct Waiter {
    const absl::Condition& condition;
    bool woken = false;  // Of no use to the waiter: it is not woken twice.
    std::condition_variable changed{};
  };

  // Before mu_ is given up, as a waiter is gone from the list only once it holds mu_ again.
  void WakeWaiters();

  std::mutex mu_;
  std::vector<Waiter*> waiters_;
};

class ABSL_SCOPED_LOCKABLE MonotoneMutexLock {
 public:
  explicit MonotoneMutexLock(MonotoneMutex* mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
    mu_->Lock();
  }
  ~MonotoneMutexLock() ABSL_UNLOCK_FUNCTION() { mu_->Unlock(); }
  MonotoneMutexLock(const MonotoneMutexLock&) = delete;
  MonotoneMutexLock& operator=(const MonotoneMutexLock&) = delete;

 private:
  MonotoneMutex* const mu_;
};

}  // namespace z4j

#endif  // Z4J_BASE_MONOTONE_MUTEX_H_
