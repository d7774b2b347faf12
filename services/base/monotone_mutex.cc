#include "services/base/monotone_mutex.h"

#include <algorithm>

#include "services/base/monotone_wait.h"
#include "services/base/virtual_sleep.h"

namespace z4j {
namespace {

constexpr absl::Duration kLookPeriod = absl::Milliseconds(1);

// As AwaitAtMost, by virtual time.
bool AwaitVirtually(MonotoneMutex& mu, absl::Duration timeout, const absl::Condition& condition)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
  for (; !condition.Eval() && timeout > absl::ZeroDuration(); timeout -= kLookPeriod) {
    mu.Unlock();
    virtual_sleep(std::min(timeout, kLookPeriod));
    mu.Lock();
  }
  return condition.Eval();
}

}  // namespace

void MonotoneMutex::Lock() { mu_.lock(); }

void MonotoneMutex::Unlock() {
  WakeWaiters();
  mu_.unlock();
}

void MonotoneMutex::WakeWaiters() {
  for (Waiter* waiter : waiters_) {
    if (waiter->woken || !waiter->condition.Eval()) continue;
    waiter->woken = true;
    waiter->changed.notify_one();
  }
}

void MonotoneMutex::Await(const absl::Condition& condition) {
  while (!AwaitAtMost(absl::InfiniteDuration(), condition)) {
  }
}

bool MonotoneMutex::AwaitAtMost(absl::Duration timeout, const absl::Condition& condition) {
  if (condition.Eval()) return true;
  if (virtual_sleep != nullptr) return AwaitVirtually(*this, timeout, condition);
  WakeWaiters();
  Waiter self{condition};
  waiters_.push_back(&self);
  std::unique_lock lock(mu_, std::adopt_lock);
  // Another waiter may have been faster, and undone what this one was woken for.
  const auto holds = [&self] { return self.woken = self.condition.Eval(); };
  WaitAtMost(self.changed, lock, timeout, holds);
  lock.release();
  waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &self));
  return self.woken;
}

}  // namespace z4j
