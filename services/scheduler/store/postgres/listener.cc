#include "services/scheduler/store/postgres/listener.h"

#include <algorithm>

#include "services/base/status_macros.h"

namespace z4j::scheduler {

absl::StatusOr<bool> Listener::Read(absl::Duration timeout) {
  const int64_t before = connection_.generation();
  RETURN_IF_ERROR(connection_.Ensure());
  if (connection_.generation() != before) {
    RETURN_IF_ERROR(connection_.Script("LISTEN z4j_changes"));
    return true;
  }
  return connection_.AwaitNotification(timeout);
}

absl::Status Listener::Await(absl::Duration timeout) {
  MonotoneMutexLock lock(&mu_);
  if (reading_) {
    const int64_t before = changes_;
    const auto woken = [this, before]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return changes_ != before || !reading_;
    };
    mu_.AwaitAtMost(timeout, absl::Condition(&woken));
    return absl::OkStatus();
  }
  reading_ = true;
  mu_.Unlock();
  const absl::StatusOr<bool> changed = Read(timeout);
  mu_.Lock();
  reading_ = false;
  if (changed.ok()) {
    changes_ += *changed ? 1 : 0;
    return absl::OkStatus();
  }
  connection_.Close();
  // A caller that loops must not spin while the server is away.
  const int64_t before = changes_;
  const auto woken = [this, before]()
                         ABSL_SHARED_LOCKS_REQUIRED(mu_) { return changes_ != before; };
  mu_.AwaitAtMost(std::min(timeout, absl::Milliseconds(100)), absl::Condition(&woken));
  return changed.status();
}

}  // namespace z4j::scheduler
