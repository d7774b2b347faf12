#ifndef Z4J_SCHEDULER_RPC_WATCH_HUB_H_
#define Z4J_SCHEDULER_RPC_WATCH_HUB_H_

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/rpc/worker_pool.h"

namespace z4j::scheduler {

// One open watch stream, as the hub sees it.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // Looks for something new and sends it, unless it is still busy sending.  Reads the store.
  virtual void Poll() = 0;
  // Ends the stream: the node is going away.
  virtual void Close() = 0;
};

// Wakes the watch streams when this node has changed something, and every kWatchPollEvery for what
// others did and for the states of fires, which are not announced.  One thread waits for all of
// them; the looking is done on the pool.  Thread-safe.
class WatchHub {
 public:
  explicit WatchHub(WorkerPool& pool);  // Outlives this.  Starts the thread.
  ~WatchHub();                          // Stops.

  // Something changed.  Never blocks.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  // False if kWatchersMax are open, or the hub stopped.
  bool Add(std::shared_ptr<Watcher> watcher) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const std::shared_ptr<Watcher>& watcher) ABSL_LOCKS_EXCLUDED(mu_);
  // Polls `watcher` on the pool.
  void Soon(std::shared_ptr<Watcher> watcher);

  // Closes every stream and joins the thread.  Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);

  WorkerPool& pool_;
  MonotoneMutex mu_;
  absl::flat_hash_set<std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Mutex join_mu_;
  std::thread thread_ ABSL_GUARDED_BY(join_mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_WATCH_HUB_H_
