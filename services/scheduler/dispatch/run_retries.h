#ifndef Z4J_SCHEDULER_DISPATCH_RUN_RETRIES_H_
#define Z4J_SCHEDULER_DISPATCH_RUN_RETRIES_H_

#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Whether a run whose end is about to be written is repeated, by what its schedule says now.  Holds
// the policies of the schedules that have one, and none for the others.  Thread-safe.
class RunRetries {
 public:
  // The loop's: none if the runs of the schedule are not repeated, or it is gone.
  void Set(ScheduleId id, const std::optional<RunRetry>& policy) ABSL_LOCKS_EXCLUDED(mu_);
  void Clear() ABSL_LOCKS_EXCLUDED(mu_);

  // Between these nothing is decided, because not all edits are known yet.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_);
  void Release() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes of the ends among `updates` what the policies say: those that are repeated get their
  // retry, and their key if it was not known.  Does the same again if it is called again.
  // UNAVAILABLE: not now.  Reads `store`, and with its codes fails.
  absl::Status Decide(ScheduleStore& store, absl::Time now, std::vector<FireUpdate>& updates)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Those of `updates` that may be repeated, as far as can be said without their rows.
  std::vector<FireUpdate*> Candidates(std::vector<FireUpdate>& updates) ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<RunRetry> PolicyOf(ScheduleId id) ABSL_LOCKS_EXCLUDED(mu_);

  MonotoneMutex mu_;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<ScheduleId, RunRetry> policies_ ABSL_GUARDED_BY(mu_);
};

// Whether another run may follow an end in `state`.
inline bool MayBeRepeated(FireState state) {
  return state == FireState::kFailed || state == FireState::kLost;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_RUN_RETRIES_H_
