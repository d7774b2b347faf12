#ifndef Z4J_SCHEDULER_ELECT_WAKE_UP_H_
#define Z4J_SCHEDULER_ELECT_WAKE_UP_H_

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace z4j::scheduler {

// Wakes a thread that waits in poll().  Thread-safe.
class WakeUp {
 public:
  WakeUp() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~WakeUp() { close(fd_); }

  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  // Readable from Notify() until Clear().
  int fd() const { return fd_; }
  void Notify() { eventfd_write(fd_, 1); }
  void Clear() {
    eventfd_t count;
    eventfd_read(fd_, &count);
  }
  void Await(absl::Duration timeout) const {
    pollfd wake = {fd_, POLLIN, 0};
    const int64_t timeout_ms = absl::ToInt64Milliseconds(timeout) + 1;
    poll(&wake, 1, static_cast<int>(std::min<int64_t>(timeout_ms, 1 << 30)));
  }

 private:
  const int fd_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_WAKE_UP_H_
