#ifndef Z4J_SCHEDULER_RPC_FIRE_FEED_H_
#define Z4J_SCHEDULER_RPC_FIRE_FEED_H_

#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// ScheduleStore::ListWritten for all watches of a node: what one of them has read the others get
// from memory, so that a thousand watches cost the store as much as one.  It follows the writes as
// long as somebody asks.  Whoever comes from elsewhere, with a position of another node, or fell
// back behind what is kept here, reads from the store until he has caught up.  Thread-safe; blocks.
class FireFeed {
 public:
  FireFeed(ScheduleStore& store, Clock& clock) : store_(store), clock_(clock) {}  // Outlive this.

  using Part = std::shared_ptr<const WrittenFires>;

  // A position that is not after now: what is read from the store from here on shows all that was
  // written before it.
  absl::StatusOr<std::string> Begin() ABSL_LOCKS_EXCLUDED(mu_);
  // What was written after `position`.  No keys: nothing more had been when this was called.
  absl::StatusOr<Part> After(std::string position) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  bool IsOld() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Begins anew at now, unless somebody just has, and returns the end; whoever stands at an older
  // one catches up as a stranger does.
  absl::StatusOr<std::string> Restart() ABSL_LOCKS_EXCLUDED(mu_);
  // Reads from the end on.
  absl::Status ReadOn(const std::string& end) ABSL_LOCKS_EXCLUDED(mu_);
  void Keep(Part part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The store may have been restored to an earlier state.
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AwaitReader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ScheduleStore& store_;
  Clock& clock_;

  absl::Mutex mu_;
  std::string end_ ABSL_GUARDED_BY(mu_);  // Followed up to here; empty: not at all.
  MonoTime end_made_ ABSL_GUARDED_BY(mu_), last_read_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Part> parts_ ABSL_GUARDED_BY(mu_);  // By where they begin,
  std::deque<std::string> order_ ABSL_GUARDED_BY(mu_);                 // oldest first.
  size_t keys_ ABSL_GUARDED_BY(mu_) = 0;                               // In all of them.
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  int64_t reads_ ABSL_GUARDED_BY(mu_) = 0;     // Begun.
  int64_t in_vain_ ABSL_GUARDED_BY(mu_) = -1;  // The last that found nothing after end_.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_FIRE_FEED_H_
