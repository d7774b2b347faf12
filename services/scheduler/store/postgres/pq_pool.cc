#include "services/scheduler/store/postgres/pq_pool.h"

#include <utility>

#include "services/base/status_macros.h"

namespace z4j::scheduler::pq {

Pool::Lease::~Lease() {
  if (connection_ == nullptr) return;
  // An open transaction would hold its locks until somebody comes for this connection.
  if (connection_->in_transaction() && !connection_->Ensure().ok()) connection_->Close();
  pool_->Return(std::move(connection_));
}

Pool::Pool(ConnectionOptions options, int size) : options_(std::move(options)) {
  for (int i = 0; i < size; ++i) idle_.push_back(std::make_unique<Connection>(options_));
}

absl::StatusOr<Pool::Lease> Pool::Acquire() {
  std::unique_ptr<Connection> connection;
  {
    MonotoneMutexLock lock(&mu_);
    const auto some = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !idle_.empty(); };
    if (!mu_.AwaitAtMost(options_.deadline, absl::Condition(&some))) {
      return absl::ResourceExhaustedError("postgres: all connections are in use; try again");
    }
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  Lease lease(this, std::move(connection));
  RETURN_IF_ERROR(lease->Ensure());
  return lease;
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  MonotoneMutexLock lock(&mu_);
  idle_.push_back(std::move(connection));
}

}  // namespace z4j::scheduler::pq
