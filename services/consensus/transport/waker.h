#ifndef Z4J_CONSENSUS_TRANSPORT_WAKER_H_
#define Z4J_CONSENSUS_TRANSPORT_WAKER_H_

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/time.h"

namespace z4j::consensus {

// Lets one thread wait for others, or for time to pass, by a monotone clock: absl::Mutex waits by
// the wall clock, and one that is set back would keep a peer from being dialed.  Thread-safe.
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
    const absl::Duration bounded = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(1));
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(bounded), [this] { return woken_; });
    return std::exchange(woken_, false);
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_WAKER_H_
