#ifndef Z4J_CONSENSUS_TRANSPORT_WAKER_H_
#define Z4J_CONSENSUS_TRANSPORT_WAKER_H_

#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/time.h"
#include "services/base/monotone_wait.h"

namespace z4j::consensus {

// Lets one thread wait for others, or for time to pass, by a monotone clock.  Thread-safe.
class Waker {
 public:
  void Wake() {
    {
      std::lock_guard<std::mutex> lock(mu_);
      woken_ = true;
    }
    changed_.notify_one();
  }

  // Says whether somebody woke since the last call, waiting for it at most `timeout`.
  bool Wait(absl::Duration timeout) {
    std::unique_lock<std::mutex> lock(mu_);
    WaitAtMost(changed_, lock, timeout, [this] { return woken_; });
    return std::exchange(woken_, false);
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_WAKER_H_
