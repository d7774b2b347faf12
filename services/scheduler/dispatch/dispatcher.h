#ifndef Z4J_SCHEDULER_DISPATCH_DISPATCHER_H_
#define Z4J_SCHEDULER_DISPATCH_DISPATCHER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "services/base/clock.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/dispatch/awaited_outcomes.h"
#include "services/scheduler/dispatch/fire_queue.h"
#include "services/scheduler/dispatch/link_set.h"
#include "services/scheduler/dispatch/queued_fire.h"
#include "services/scheduler/dispatch/update_writer.h"
#include "services/scheduler/metrics.h"

namespace z4j::scheduler {

// What waits for one engine, for people.
struct EngineStatus {
  std::string engine;
  int adapters = 0;
  int64_t waiting = 0;    // PENDING, in memory.
  int64_t in_flight = 0;  // Of those, sent and not answered.
  absl::Time oldest_due = absl::InfiniteFuture();
  // As WhyWaits; of what nobody takes, if something of that waits.
  FireReason reason = FireReason::kNone;
  std::string note;
};

// A fire that the store has as DISPATCHED or RUNNING.
struct UnendedFire {
  std::string engine, adapter;
  FireRef fire;
  absl::Time dispatched_at;
};

// Hands PENDING fires to the adapters: oldest first, in order within a schedule, never before
// dispatch_after, again and again while the outcome is unknown.  It acts only between Begin and
// End; links may come and go at any time.  What becomes of a fire goes to the UpdateWriter.
//
// A fire ends here without having been handed over as SKIPPED(kExpired) past its `expires`, as
// SKIPPED(kNoAdapter) past catch_up_window if it does not expire and nobody serves its queue, as
// FAILED(kRejected) if the engine will never take it, and as FAILED(kEngineUnavailable) after
// retry.max_attempts.
//
// Thread-safe.  One thread (or a test) calls RunOnce; links are called without the lock.
class Dispatcher final : public AdapterEvents {
 public:
  struct Options {
    Balance balance = Balance::kLeastLoaded;
    uint64_t seed = std::random_device{}();  // Of the jitter of retries.
    // Runs that have ended, or of which nothing more will be heard.  Those that an engine reports
    // FAILED or LOST may be repeated: of them the UpdateWriter tells.  Must not block.
    std::function<void(std::vector<FireId>)> on_ended = [](auto) {};
  };

  // All outlive this; `metrics` may be null.  The writer's on_durable must call OnDurable.
  Dispatcher(UpdateWriter& writer, Clock& clock, SchedulerMetrics* metrics, Options options);
  ~Dispatcher() override;  // Stops.
  // Before the threads start.
  void SetOnEnded(std::function<void(std::vector<FireId>)> on_ended) {
    options_.on_ended = std::move(on_ended);
  }

  // --- The leader's side ---

  // A term begins: nothing is queued.  The writer must have begun.
  void Begin() ABSL_LOCKS_EXCLUDED(mu_);
  // The term is over: forgets what is queued and in flight.
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  // Between these nothing is sent: older fires may be yet to come.  End() releases, too.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_);
  void Release() ABSL_LOCKS_EXCLUDED(mu_);

  // Sends nothing more, and waits until all in flight is answered, or for `timeout`.
  void Drain(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes PENDING fires in charge; those known already are passed over.  Beyond kPendingInMemoryMax
  // of an engine they are left to the store, see ReloadFrom; false if that happened.
  bool Enqueue(std::vector<QueuedFire> fires) ABSL_LOCKS_EXCLUDED(mu_);
  // Around reading PENDING rows from the store and enqueuing them: what became durable meanwhile
  // is remembered, so that a row read just before does not go out again.
  void BeginReload() ABSL_LOCKS_EXCLUDED(mu_);
  void EndReload() ABSL_LOCKS_EXCLUDED(mu_);
  // Fires were left to the store and there is room again: load from batches after this one, to the
  // end or until Refilled().
  std::optional<int64_t> ReloadFrom() ABSL_LOCKS_EXCLUDED(mu_);
  // The engines for which ReloadFrom asked are full again.  What other engines left to the store
  // does not count: one that nobody serves must not keep another from its fires.
  bool Refilled() ABSL_LOCKS_EXCLUDED(mu_);

  // The row was made CANCELLED by a mutation: forgets the fire, or asks the adapter that has it.
  // False if it is not known here.
  bool Cancel(FireId id) ABSL_LOCKS_EXCLUDED(mu_);
  void CancelSchedule(ScheduleId id) ABSL_LOCKS_EXCLUDED(mu_);
  // For a fire that the broker has: asks `instance`, or another one of the engine.
  void CancelAtEngine(const std::string& engine, const std::string& instance, const FireKey& key,
                      FireId id, bool terminate) ABSL_LOCKS_EXCLUDED(mu_);

  // Asks adapters what became of fires whose end was not heard, where they can look it up: those
  // handed over in this term, and those of the store, which are to be given to AwaitOutcomes when
  // this returns true (an adapter that can is new, or there is room again).
  bool WantsUnended() ABSL_LOCKS_EXCLUDED(mu_);
  // Newest first, page by page; false if no more are taken for now.
  bool AwaitOutcomes(const std::vector<UnendedFire>& fires) ABSL_LOCKS_EXCLUDED(mu_);

  // It waits here, or is in flight.
  bool Holds(FireId id) ABSL_LOCKS_EXCLUDED(mu_);
  // What became of these is durable: they need not be remembered.
  void OnDurable(const std::vector<FireId>& ids) ABSL_LOCKS_EXCLUDED(mu_);

  // --- For people ---

  // Asks an adapter that is connected; besides what OnAnswer says: NOT_FOUND if it is not,
  // UNIMPLEMENTED if it cannot answer such a question.
  void Ask(const std::string& engine, const std::string& instance, const AdapterQuestion& question,
           OnAnswer done) ABSL_LOCKS_EXCLUDED(mu_);

  // Why fires wait that go this way.
  WaitCause WhyWaits(const Route& route) const ABSL_LOCKS_EXCLUDED(mu_);
  // Adapters of the engine are connected, and none can tell how runs end.
  bool IsBlind(const std::string& engine) const ABSL_LOCKS_EXCLUDED(mu_);
  // Why it is not told how runs end that `instance` took, and what to change; empty: it is.
  std::string WhyBlind(const std::string& engine, const std::string& instance) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<EngineStatus> Engines() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<AdapterStatus> Adapters() const ABSL_LOCKS_EXCLUDED(mu_);
  // What they take of a schedule.
  EngineOffers Offers() const ABSL_LOCKS_EXCLUDED(mu_);
  int64_t queued() const ABSL_LOCKS_EXCLUDED(mu_);

  // --- AdapterEvents ---
  void OnConnected(std::shared_ptr<AdapterLink> link) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDisconnected(const AdapterLink& link) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnResults(const AdapterLink& link, std::vector<DispatchResult> results) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnOutcomes(const AdapterLink& link, std::vector<Outcome> outcomes,
                  std::function<void(bool durable)> done) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnHeartbeat(const AdapterLink& link, double load, std::string health) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnLeaving(const AdapterLink& link) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnLookedUp(const AdapterLink& link) override ABSL_LOCKS_EXCLUDED(mu_);

  // Sends what may go out now; returns how long there is nothing more to do unless woken.
  absl::Duration RunOnce() ABSL_LOCKS_EXCLUDED(mu_);
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);  // Joins.  Idempotent.

 private:
  using Entry = FireQueue::Entry;
  struct Sending {
    std::shared_ptr<AdapterLink> link;
    std::vector<DispatchItem> items;
  };
  struct Asking {
    std::shared_ptr<AdapterLink> link;
    std::vector<FireRef> fires;
  };
  // What is known of an engine besides its links.
  struct Engine {
    int unavailable_in_a_row = 0;
    // Lowest batch of which fires were left to the store; none: all are here.
    std::optional<int64_t> overflow_from;
    bool refilling = false;  // ReloadFrom asked for them.
    MonoTime lost_adapter;   // When the last one to leave left, or said that it would.
  };

  std::vector<Sending> Assign(absl::Time now, MonoTime mono) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sends ready fires of one pool, at most `limit`; returns how many it took out of `ready`.
  int AssignPool(FireQueue::Pool& pool, int limit, absl::Time now, MonoTime mono,
                 std::map<LinkSet::Link*, std::vector<DispatchItem>>& sends)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends what has expired, and takes back what was not answered within kAnswerMax.
  void Sweep(absl::Time now, MonoTime mono) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `oldest`: due time of the oldest fire that waits.
  void ShowGauges(absl::Time oldest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `served`: some adapter takes fires of its pool.
  bool EndIfExpired(Entry* entry, bool served, absl::Time now, MonoTime mono)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnResult(LinkSet::Link* link, const DispatchResult& result, absl::Time now, MonoTime mono)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Accepted(Entry* entry, const LinkSet::Link* link, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Unavailable(Entry* entry, const std::string& message, absl::Time now, MonoTime mono)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes how the fire ended without the engine.
  void EndFire(Entry* entry, FireState state, FireReason reason, std::string error, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Detach(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The adapter is new, or new to looking up.
  void BeginLookUps(const LinkSet::Link& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What to ask now; `sleep` is cut to when there will be more.
  std::vector<Asking> AssignLookUps(MonoTime mono, absl::Duration* sleep)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  WaitCause WhyWaitsLocked(const Route& route) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nothing more is sent to it.
  void Leaves(LinkSet::Link* link, MonoTime mono) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { woken_ = true; }
  void ForgetLocked(FireId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReportEnded() ABSL_LOCKS_EXCLUDED(mu_);
  void Loop();

  UpdateWriter& writer_;
  Clock& clock_;
  SchedulerMetrics* const metrics_;
  Options options_;

  mutable MonotoneMutex mu_;
  bool active_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool holding_ ABSL_GUARDED_BY(mu_) = false;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  FireQueue queue_ ABSL_GUARDED_BY(mu_);
  LinkSet links_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Engine> engines_ ABSL_GUARDED_BY(mu_);
  // The pool whose turn was the last: the next turns begin after it.
  FireQueue::PoolKey last_served_ ABSL_GUARDED_BY(mu_);
  AwaitedOutcomes awaited_ ABSL_GUARDED_BY(mu_);
  bool unended_wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool unended_left_ ABSL_GUARDED_BY(mu_) = false;  // There was no room for some.
  MonoTime began_ ABSL_GUARDED_BY(mu_);
  MonoTime next_sweep_ ABSL_GUARDED_BY(mu_);
  int64_t shown_ ABSL_GUARDED_BY(mu_) = 0;  // The backlog as the metrics have it.
  int reloading_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<FireId> durable_meanwhile_ ABSL_GUARDED_BY(mu_);
  std::vector<FireId> ended_ ABSL_GUARDED_BY(mu_);  // To be reported without the lock.
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_DISPATCHER_H_
