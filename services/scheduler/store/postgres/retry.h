#ifndef Z4J_SCHEDULER_STORE_POSTGRES_RETRY_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_RETRY_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/scheduler/store/postgres/pq_pool.h"
#include "services/scheduler/store/postgres/pq_status.h"

namespace z4j::scheduler {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

enum class IfLost { kReport, kTryAgain };

// Lends `work` a connection of `pool` and returns what it returns.  Work that PostgreSQL rolled
// back because of another transaction is done again, twice at most; with kTryAgain also work whose
// connection broke, once: for reads.
template <typename Work>
std::invoke_result_t<Work, pq::Connection&> WithConnection(pq::Pool& pool, IfLost if_lost,
                                                           Work work) {
  for (int conflicts = 0, losses = 0;;) {
    absl::StatusOr<pq::Pool::Lease> lease = pool.Acquire();
    if (!lease.ok()) return lease.status();
    auto result = work(**lease);
    const absl::Status& status = StatusOf(result);
    if (status.ok()) return result;
    const bool lost = if_lost == IfLost::kTryAgain && !(*lease)->is_open();
    if (pq::IsConflict(status) ? ++conflicts > 2 : !lost || ++losses > 1) return result;
  }
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_RETRY_H_
