#ifndef Z4J_SCHEDULER_STORE_POSTGRES_PQ_POOL_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_PQ_POOL_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/store/postgres/pq.h"

namespace z4j::scheduler::pq {

// Up to `size` connections of one kind, opened when first needed.  The one that was used last is
// handed out first, so that it stays warm.  Thread-safe.
class Pool {
 public:
  // A connection on loan; giving it back rolls back what is left open.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    Connection* operator->() { return connection_.get(); }
    Connection& operator*() { return *connection_; }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  Pool(ConnectionOptions options, int size);

  // A live connection, outside any transaction.  Waits for one to be given back;
  // RESOURCE_EXHAUSTED if none is within the deadline, UNAVAILABLE if the server cannot be reached.
  absl::StatusOr<Lease> Acquire() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Return(std::unique_ptr<Connection> connection) ABSL_LOCKS_EXCLUDED(mu_);

  const ConnectionOptions options_;
  MonotoneMutex mu_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler::pq

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_PQ_POOL_H_
