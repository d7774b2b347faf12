#ifndef Z4J_CONSENSUS_NODE_MAILBOX_H_
#define Z4J_CONSENSUS_NODE_MAILBOX_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/base/monotone_wait.h"

// What many threads give to one, which takes all of it at once; it waits by a monotone clock.
// Thread-safe.
namespace z4j::consensus {

template <typename T>
class Mailbox {
 public:
  // False, and the item is gone: the mailbox is closed, or `bound` items wait.
  bool Put(T item, size_t bound = SIZE_MAX) {
    {
      std::lock_guard lock(mu_);
      if (closed_ || items_.size() >= bound) return false;
      items_.push_back(std::move(item));
    }
    changed_.notify_one();
    return true;
  }

  // Waits for an item, or until it is closed, or `timeout`; takes all there is.
  std::vector<T> TakeAll(absl::Duration timeout) {
    std::unique_lock lock(mu_);
    WaitAtMost(changed_, lock, timeout, [this] { return closed_ || !items_.empty(); });
    return std::exchange(items_, {});
  }

  // Waits until it is closed, or `timeout`; whether it is closed.
  bool WaitClosed(absl::Duration timeout) {
    std::unique_lock lock(mu_);
    WaitAtMost(changed_, lock, timeout, [this] { return closed_; });
    return closed_;
  }

  // Nothing more comes in.  What waits can still be taken.
  void Close() {
    {
      std::lock_guard lock(mu_);
      closed_ = true;
    }
    changed_.notify_all();
  }

  bool closed() const {
    std::lock_guard lock(mu_);
    return closed_;
  }

 private:
  mutable std::mutex mu_;
  std::condition_variable changed_;  // Its one reader's.
  std::vector<T> items_;
  bool closed_ = false;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_MAILBOX_H_
