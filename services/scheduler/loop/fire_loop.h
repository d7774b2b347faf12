#ifndef Z4J_SCHEDULER_LOOP_FIRE_LOOP_H_
#define Z4J_SCHEDULER_LOOP_FIRE_LOOP_H_

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "services/base/clock.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/dispatch/update_writer.h"
#include "services/scheduler/elect/leader_elector.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/loop/overlap_tracker.h"
#include "services/scheduler/loop/schedule_table.h"
#include "services/scheduler/loop/state_changes.h"
#include "services/scheduler/metrics.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Decides what fires when, on the node that leads.  A turn: may I still? → what changed → what is
// due → plan → commit fires and cursors with the token → hand them to the dispatcher.
//
//   * Without a term: keep the schedules warm in memory, so that they need not be loaded when it
//     comes.  What is in memory decides only when to ask: a fire is written only if the store has
//     the very watermark it was planned from, so that a stale one can cost a try and never a fire.
//   * Gaining a term: raise the fence, read what changed, and fire.  What came due while nobody was
//     live is judged by the catch-up policy, once: an outage is kept in the store until all of it
//     is decided, whoever comes to do it.
//   * What the last leader left (open runs, PENDING fires) is read between the first turns, a page
//     each.  Meanwhile fires are decided and not dispatched, so that none overtakes an older one;
//     and schedules with an overlap policy wait.
//   * ABORTED from the store: the term is over at once.
//   * UNAVAILABLE: the very same batch is sent again until its fate is known, and nothing else.
//   * A schedule that the store refuses is quarantined; its neighbours go on.
//
// RunOnce does one turn; the thread does nothing else.  Thread-safe where it says so.
class FireLoop {
 public:
  struct Options {
    std::string node = "node";  // Written beside the fence, for people.
    absl::Duration retention = kFireRetentionDefault;
    // The store's bytes are wrong: the process must end.  Called on the loop's thread.
    std::function<void(const absl::Status&)> on_data_loss = [](const absl::Status&) {};
    std::function<void(bool leading)> on_role = [](bool) {};  // On the loop's thread.
  };

  // All outlive this; `metrics` may be null.  Takes the callbacks of `writer` and `dispatcher`:
  // their threads must be stopped after this loop's, and before it is destroyed.
  FireLoop(ScheduleStore& store, LeaderElector& elector, Dispatcher& dispatcher,
           UpdateWriter& writer, StateChanges& changes, Clock& clock, SchedulerMetrics* metrics,
           Options options);
  ~FireLoop();  // Stops.

  // One turn, on the thread that owns the loop.  Returns how long nothing is to be done unless
  // Wake is called.
  absl::Duration RunOnce() ABSL_LOCKS_EXCLUDED(mu_);

  // Something may have changed: the elector's term, schedules.  From any thread.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  bool leading() const ABSL_LOCKS_EXCLUDED(mu_);

  // Lets another node lead, `successor` if it is not empty: this one finishes its statement first.
  // Returns when it leads no more; whether another does, the elector knows.  From any thread.
  //   FAILED_PRECONDITION  this node does not lead.
  absl::Status HandOver(const std::string& successor) ABSL_LOCKS_EXCLUDED(mu_);

  // Starts the elector, and the threads that turn and that wait for changes of the store.
  absl::Status Start();
  // Finishes the statement at work and, within kHandOverMax, what adapters are answering; gives the
  // term up, joins.  Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Slot = ScheduleTable::Slot;

  // What is to be done once a plan is committed.
  struct Planned {
    Slot slot = 0;
    size_t first_fire = 0, fires = 0;  // Its part of the batch.
    absl::Time next_wake;
    bool finished = false;
  };
  struct PlannedBatch {
    FireBatch batch;
    std::vector<Planned> planned;  // As batch.cursors.
  };

  absl::Duration Turn(absl::Time now, MonoTime mono);
  absl::Duration LeaderTurn(absl::Time now, MonoTime mono);
  // Looks at a failed store call; true if the term survived it.
  bool Survives(const absl::Status& status, absl::string_view what);
  // Ends the term if the store has not answered for long.
  bool GivesUpForStore(const absl::Status& status);
  // What to do, and for how long, while a batch cannot be committed.
  absl::Duration CommitWaits(absl::Time now, MonoTime mono);
  bool MarkLive(absl::Time now, MonoTime mono);  // Every second; false if the term is over.
  void KeepHouse(absl::Time now, MonoTime mono);

  // --- Leadership ---
  // What a node without a term does in a turn.
  absl::Duration Follow(absl::Time now, MonoTime mono);
  absl::Status KeepWarm(absl::Time now, MonoTime mono);
  absl::Status TakeOver(FencingToken token, absl::Time now);
  // Under the fence, whose `revision` it is: the schedules are the store's, but for the edits that
  // the turn reads anyway; and so are the cursors of those that may be due.
  absl::Status FreshenTable(int64_t revision, absl::Time now);
  // Reads the next page of what the last leader left.
  absl::Status TakeStock(MonoTime mono);
  void EndStock();
  absl::Status LoadTable();
  // Reads the cursors of up to `limit` schedules that are due at `at` by what is in memory.
  absl::Status RefreshCursors(absl::Time at, int limit);
  void StepDown(absl::string_view why);
  // After the last statement of the term.
  void LetGo(absl::string_view why, const std::string& successor);
  // The store refuses this node's token, though nobody took its term.
  void Outranked();
  // Writes outages_ down; false if that must be tried again, or the term is over.
  bool SaveOutages(absl::Time now);

  // --- Changes ---
  absl::Status PollChanges();
  absl::Status ReadChanges();
  void Apply(const ScheduleChange& change);
  void ApplyStored(const StoredSchedule& stored);
  void CancelFireOf(const ScheduleChange& change);
  // Of newly_tracked_: all, or some.
  absl::Status LoadOpenRuns();
  absl::Status LoadSomeOpenRuns();
  // Takes PENDING rows of batches after `after` in charge; once an engine has no more room the rest
  // is left for later turns.
  absl::Status ReloadPending(int64_t after);
  // The same for engines that have room again, until they have none.
  absl::Status RefillPending(int64_t after);
  struct Page {
    bool last = false;
    bool all_taken = true;
  };
  // The next page of what is not read yet.
  void ReadOnAfter(int64_t after);
  absl::StatusOr<Page> ReadOnPending(MonoTime mono);
  // One page; moves `after` on.
  absl::StatusOr<Page> TakePage(int64_t& after);
  void TakePending(const std::vector<PendingFire>& rows, std::vector<QueuedFire>* enqueue);
  // Gives the dispatcher the fires of the store whose end was not heard, a page at a time.
  absl::Status ReadUnended(absl::Time now, MonoTime mono);
  // Of those of `fires` whose schedules are gone: which engines had them.
  absl::StatusOr<absl::flat_hash_map<ScheduleId, std::string>> EnginesOfDeleted(
      const std::vector<Fire>& fires);
  QueuedFire ToQueued(const Fire& fire, int64_t batch_id, Slot slot);
  // Ends of runs; the retries that were written with them are taken in charge first, so that a run
  // which is repeated has not ended for the overlap policy.
  absl::Status HandleEnded();
  void ReleaseBuffered(ScheduleId id);

  // --- Firing ---
  // Until when to plan: now, unless the store's clock is behind this node's.
  absl::Time PlanUntil() { return clock_.Now() - behind_; }
  // Sets behind_.  The answer's way counts too, so that no plan is too early.
  void CompareClocks();
  // Plans what is due; true if more is.
  bool PlanDue(absl::Time until);
  void PlanOne(Slot slot, absl::Time now, PlannedBatch& batch);
  OpenRuns OpenRunsOf(const ScheduleTable::View& view, Slot slot);
  // Commits what is planned; false if it must be tried again later.
  bool CommitPlanned();
  void Committed(const PlannedBatch& done, const CommitResult& result);
  void Fired(const PlannedBatch& done, const Planned& planned, int64_t batch_id,
             std::vector<QueuedFire>* enqueue, int* pending);
  // The cursors of these were moved by someone else.
  void Reread(const std::vector<ScheduleId>& ids);
  void SplitOrQuarantine(const absl::Status& status);
  void RearmPlanned(absl::Time at);

  template <typename Call>
  auto Timed(const char* op, Call call) {
    const MonoTime begin = clock_.MonoNow();
    auto result = call();
    if (metrics_) metrics_->StoreCall(op, clock_.MonoNow() - begin, result.ok());
    return result;
  }
  void TurnLoop();
  void WatchLoop();

  ScheduleStore& store_;
  LeaderElector& elector_;
  Dispatcher& dispatcher_;
  UpdateWriter& writer_;
  StateChanges& changes_;
  Clock& clock_;
  SchedulerMetrics* const metrics_;
  const Options options_;

  // Owned by the loop's thread.
  FencingToken token_;
  ScheduleTable table_;
  OverlapTracker overlap_;
  std::vector<ScheduleId> newly_tracked_;  // Their open runs are yet to be read.
  std::vector<Outage> outages_;            // As of this term.
  bool outages_saved_ = true;              // The store has them.
  bool catching_up_ = false;               // Something in them may be undecided.
  bool warm_ = false;           // The table is the store's as of revision_, but for cursors.
  bool follow_failed_ = false;  // The store did not answer a follower.
  bool taking_stock_ = false;   // Not all that the last leader left is known.
  MonoTime took_over_;          // When this term was seen.
  // PENDING rows of batches after the one are not read yet: those that the leaders before left, and
  // what came by triggers up to the other.
  std::optional<int64_t> unread_after_;
  int64_t unread_until_ = 0;
  // Schedules that cannot be computed, and why: whoever leads asks for their quarantine.
  absl::flat_hash_map<ScheduleId, std::pair<ScheduleKey, std::string>> uncomputable_;
  std::deque<PlannedBatch> to_commit_;
  int64_t revision_ = 0;    // Of the last change applied.
  int64_t last_batch_ = 0;  // Highest batch id seen.
  int64_t own_batch_ = 0;   // The first that this term committed; 0: none yet.
  int batch_size_ = kFiresPerFirstCommit;
  int commits_failed_ = 0;                 // Tries of the first of to_commit_.
  std::optional<FireKey> unended_before_;  // Where the next page of them begins; none: not read.
  bool reload_wanted_ = false;             // A PENDING row was read before its schedule was known.
  absl::Time live_at_;                     // When the last turn ended, by the wall clock.
  std::optional<MonoTime> last_turn_;
  MonoTime hold_until_;  // Of commits, after the store said that this clock is ahead.
  // Plans stop so long before this clock, which is so far ahead of the store's: seen on taking
  // over, whenever the store refuses a plan for it, and every second from then on.
  absl::Duration behind_;
  MonoTime next_mark_, next_poll_, next_prune_, next_reload_, next_unended_, next_read_on_;
  MonoTime next_take_over_, next_ready_;
  std::optional<MonoTime> store_lost_at_;  // It has not answered since.

  mutable MonotoneMutex mu_;
  bool leading_ ABSL_GUARDED_BY(mu_) = false;
  bool fenced_ ABSL_GUARDED_BY(mu_) = false;  // The writer met a newer token.
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<std::string> successor_ ABSL_GUARDED_BY(mu_);  // Asked for by HandOver.
  std::vector<FireId> ended_ ABSL_GUARDED_BY(mu_);  // From the dispatcher and the writer.
  bool retried_ ABSL_GUARDED_BY(mu_) = false;       // Some of them brought a retry.
  std::thread thread_, watcher_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_FIRE_LOOP_H_
