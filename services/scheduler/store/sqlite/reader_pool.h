#ifndef Z4J_SCHEDULER_STORE_SQLITE_READER_POOL_H_
#define Z4J_SCHEDULER_STORE_SQLITE_READER_POOL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/scheduler/store/sqlite/sqlite.h"

namespace z4j::scheduler::sqlite {

// Read-only connections to one database; readers do not wait for the writer nor it for them.
// Thread-safe.
class ReaderPool {
 public:
  // A connection for one reader, given back at the end.
  class Lease {
   public:
    Lease(ReaderPool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    Connection* operator->() { return connection_.get(); }
    Connection& operator*() { return *connection_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  explicit ReaderPool(std::string path) : path_(std::move(path)) {}

  // Waits while kSqliteReadersMax are taken.
  absl::StatusOr<Lease> Take() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Return(std::unique_ptr<Connection> connection) ABSL_LOCKS_EXCLUDED(mu_);
  bool Free() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mu_);
  int taken_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_READER_POOL_H_
