#ifndef Z4J_SCHEDULER_STORE_POSTGRES_LISTENER_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_LISTENER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/store/postgres/pq.h"

namespace z4j::scheduler {

// Waits for the notification that every mutation sends.  One of the waiting threads reads the
// connection, the others wait for it.  Thread-safe.
class Listener {
 public:
  explicit Listener(pq::ConnectionOptions options) : connection_(std::move(options)) {}

  // Returns when a change was notified since the caller's last call, when one may have been missed
  // (the connection is new), or after `timeout`.  UNAVAILABLE, not sooner than after
  // min(timeout, 100 ms), if the server cannot be reached.
  absl::Status Await(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::StatusOr<bool> Read(absl::Duration timeout);

  pq::Connection connection_;  // Of the thread that set `reading_`.
  MonotoneMutex mu_;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  int64_t changes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_LISTENER_H_
