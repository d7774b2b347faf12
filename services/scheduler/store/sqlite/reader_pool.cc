#include "services/scheduler/store/sqlite/reader_pool.h"

#include <utility>

#include "services/scheduler/limits.h"

namespace z4j::scheduler::sqlite {

bool ReaderPool::Free() const { return taken_ < kSqliteReadersMax; }

absl::StatusOr<ReaderPool::Lease> ReaderPool::Take() {
  {
    absl::MutexLock lock(&mu_, absl::Condition(this, &ReaderPool::Free));
    ++taken_;
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(connection));
    }
  }
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(path_, true);
  if (!connection.ok()) {
    absl::MutexLock lock(&mu_);
    --taken_;
    return connection.status();
  }
  return Lease(this, *std::move(connection));
}

void ReaderPool::Return(std::unique_ptr<Connection> connection) {
  absl::MutexLock lock(&mu_);
  --taken_;
  idle_.push_back(std::move(connection));
}

}  // namespace z4j::scheduler::sqlite
