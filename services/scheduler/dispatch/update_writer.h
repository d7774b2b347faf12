#ifndef Z4J_SCHEDULER_DISPATCH_UPDATE_WRITER_H_
#define Z4J_SCHEDULER_DISPATCH_UPDATE_WRITER_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "services/base/clock.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/dispatch/run_retries.h"
#include "services/scheduler/metrics.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Writes the changes of fires in batches, from many threads through one: it flushes what has
// gathered after kUpdatesFlushAfter or at kUpdatesPerFlushMax.  Updates are written in the order
// they were added; of those of one fire in one call the store makes one, so that a short run is
// written once.  It also knows which commit batches still hold PENDING fires, and closes those that
// do not.
//
// With the end of a run that is to be repeated goes its retry: see RunRetries, whose policies the
// loop sets.
//
// UNAVAILABLE: the very same updates are written again.  ABORTED: everything is dropped and
// `on_fenced` called.  Thread-safe.
class UpdateWriter {
 public:
  using Done = std::function<void(bool durable)>;

  struct Callbacks {
    // Rows that have left PENDING for good.  On the writer's thread, without its lock.
    std::function<void(const std::vector<FireId>&)> on_durable = [](const auto&) {};
    std::function<void()> on_fenced = [] {};
    // Runs whose end FAILED or LOST is written now, or will never be, and whether retries of any
    // were written with them.  As on_durable.
    std::function<void(const std::vector<FireId>&, bool retried)> on_ended = [](const auto&, bool) {
    };
  };

  // All outlive this; `metrics` may be null.
  UpdateWriter(ScheduleStore& store, Clock& clock, SchedulerMetrics* metrics);
  ~UpdateWriter();  // Stops.

  // Before anything else is called.
  void SetCallbacks(Callbacks callbacks);

  RunRetries& run_retries() { return run_retries_; }

  // A term begins or ends: what was queued before is dropped, its `done` called with false.
  void Begin(FencingToken token) ABSL_LOCKS_EXCLUDED(mu_);
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  // `count` fires of `batch_id` are PENDING; further calls add to it.  A batch of which nothing is
  // PENDING is closed with the next flush.
  void AddBatch(int64_t batch_id, int count) ABSL_LOCKS_EXCLUDED(mu_);
  bool KnowsBatch(int64_t batch_id) const ABSL_LOCKS_EXCLUDED(mu_);
  // A fire of the batch left PENDING by another's hand (it was cancelled, or deleted).
  void RowGone(int64_t batch_id) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes the row out of PENDING; `batch_id` is the row's.
  void AddSettled(FireUpdate update, int64_t batch_id) ABSL_LOCKS_EXCLUDED(mu_);
  // What engines did.  `done` is called once all of them are durable, or with false if they will
  // not be (no term, too many are queued).
  void AddOutcomes(std::vector<FireUpdate> updates, Done done) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes one batch, if anything is queued.  Returns false if it has to be tried again (the store
  // is unavailable).  The thread calls it; tests may instead.
  bool FlushOnce() ABSL_LOCKS_EXCLUDED(mu_);
  int64_t queued() const ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until the thread has written everything, or for `timeout`.
  void AwaitIdle(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  void Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Instead of Start: the thread is somebody else's, and calls FlushOnce.
  void StartElsewhere() ABSL_LOCKS_EXCLUDED(mu_);
  // Writes what is queued if the store lets it at the first try, then joins.  Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Outcomes added together: done when all are.
  struct Group {
    int left = 0;
    Done done;
  };
  struct Item {
    FireUpdate update;
    int64_t batch_id = 0;
    bool settles = false;
    std::shared_ptr<Group> group;
  };
  struct Flush {
    FencingToken token;
    uint64_t epoch = 0;
    std::vector<FireUpdate> updates;  // Those of `items`, as the store takes them.
    std::vector<Item> items;          // Their `update` is moved out.
    std::vector<int64_t> closed;
    bool decided = false;  // Which of its ends bring a retry.
  };

  void Loop();
  void Reset(std::optional<FencingToken> token) ABSL_LOCKS_EXCLUDED(mu_);
  void Take(Flush& flush) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Items that leave PENDING with this flush are taken off their batches; those at zero close.
  void CountDown(Flush& flush) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish(Flush flush, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  // Decides the retries that go with flush_; false: not now.
  bool DecideRetries();
  void ReportEnded(const Flush& flush, const absl::Status& status);
  // Notes that the store did not take a flush, the first time in a row.
  void FlushWaits(const absl::Status& status);

  ScheduleStore& store_;
  Clock& clock_;
  SchedulerMetrics* const metrics_;
  Callbacks callbacks_;
  RunRetries run_retries_;

  mutable MonotoneMutex mu_;
  std::optional<FencingToken> token_ ABSL_GUARDED_BY(mu_);
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;  // Counts Begin and End.
  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<int64_t, int> open_ ABSL_GUARDED_BY(mu_);  // PENDING fires by batch.
  std::vector<int64_t> closed_ ABSL_GUARDED_BY(mu_);             // To be written.
  bool one_by_one_ ABSL_GUARDED_BY(mu_) = false;  // Looking for an update that the store refuses.
  bool running_ ABSL_GUARDED_BY(mu_) = false;     // The thread.
  bool flushing_ ABSL_GUARDED_BY(mu_) = false;    // Something is taken and not yet written.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::optional<Flush> flush_;  // Being tried; only FlushOnce's caller touches it.
  int flushes_failed_ = 0;      // Tries of it.
  std::thread thread_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_UPDATE_WRITER_H_
