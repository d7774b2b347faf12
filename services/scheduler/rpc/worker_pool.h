#ifndef Z4J_SCHEDULER_RPC_WORKER_POOL_H_
#define Z4J_SCHEDULER_RPC_WORKER_POOL_H_

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace z4j::scheduler {

// Threads for what may block, so that gRPC's own never do.  Thread-safe.
class WorkerPool {
 public:
  using Job = absl::AnyInvocable<void()>;

  WorkerPool(int threads, int queued_max);
  ~WorkerPool();  // Stops.

  // Queues `job`; false, and the job is gone, if the queue is full or the pool stopped.
  bool TryPost(Job job) ABSL_LOCKS_EXCLUDED(mu_);
  // Queues `job` beyond the bound: for the ends of calls that are already counted.  Runs it on this
  // thread if the pool stopped.
  void Post(Job job) ABSL_LOCKS_EXCLUDED(mu_);

  // Runs what is queued, then joins.  Idempotent; not from a job.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);

  const int queued_max_;
  absl::Mutex mu_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Mutex join_mu_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(join_mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_WORKER_POOL_H_
