#ifndef Z4J_SCHEDULER_DISPATCH_FIRE_QUEUE_H_
#define Z4J_SCHEDULER_DISPATCH_FIRE_QUEUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/scheduler/dispatch/queued_fire.h"

namespace z4j::scheduler {

// Where every fire that is PENDING in memory stands.  Fires that the same instances may take, and
// of the same affinity slot, make a pool, in due order.  The automatic fires of one schedule make a
// lane: one of them at a time is on its way, so that their order survives every retry; manual ones
// are free of it.  Pure: it is told the time, and has no lock.
class FireQueue {
 public:
  enum class Place : uint8_t {
    kReady,      // May go out now.
    kJittered,   // Waits for its dispatch_after (wall clock).
    kBackedOff,  // Waits to be tried again.
    kBlocked,    // Behind an earlier fire of its schedule.
    kInFlight,   // Sent on `link`.
    kSettled,    // Its result is known; kept until that is durable, so that a reload of the store's
                 // PENDING rows does not bring it back.
  };

  struct Pool;
  struct Entry {
    QueuedFire fire;
    uint64_t seq = 0;
    Place place = Place::kReady;
    Pool* pool = nullptr;
    const AdapterLink* link = nullptr;
    MonoTime since;  // Sent at, or to be tried again at.
  };
  using Order = std::pair<int64_t, uint64_t>;  // (µs, seq)
  struct OrderOf {
    static Order Due(const Entry* e) { return {absl::ToUnixMicros(e->fire.key.due_at), e->seq}; }
    bool operator()(const Entry* a, const Entry* b) const { return Due(a) < Due(b); }
  };
  using Ordered = absl::btree_set<Entry*, OrderOf>;
  // What the fires of a pool have in common: each goes to any of the same instances, or all go to
  // the same one.
  struct PoolKey {
    Route route;
    int slot = kNoAffinity;

    friend auto operator<=>(const PoolKey&, const PoolKey&) = default;
  };
  struct Pool {
    PoolKey key;
    Ordered ready;
    int64_t size = 0;  // All of its entries that are not settled.
  };

  // False if the fire is known already, settled ones included.
  bool Add(QueuedFire fire, absl::Time now);
  // Null if it is not known.
  Entry* Find(FireId id);

  // Jittered fires whose time has come and backed-off ones to be tried again become ready.
  void WakeDue(absl::Time now, MonoTime mono);
  // When WakeDue has something to do next.
  absl::Time NextJittered() const;
  MonoTime NextBackedOff() const;

  // `entry` must be ready.
  void MarkInFlight(Entry* entry, const AdapterLink* link, MonoTime now);
  // Takes it back from its link, to be tried again at `at` (at once if that has come).
  void Return(Entry* entry, MonoTime at, MonoTime now);
  // Takes it back from its link, which has not tried it: this was no attempt.
  void ReturnUntried(Entry* entry);
  // Everything of the engine that is backed off is ready at once.
  void Hasten(const std::string& engine);
  // It is no longer PENDING; the next of its lane moves up.
  void Settle(Entry* entry, absl::Time now);
  // Its result is durable (or nobody asks for it any more).
  void Forget(FireId id);
  void Clear();

  // Entries of the schedule that are not settled.
  std::vector<Entry*> OfSchedule(ScheduleId id);
  // Visits every entry that is not settled; `visit` must not change the queue.
  void ForEach(absl::FunctionRef<void(Entry*)> visit);
  // By engine first; empty ones are gone.
  std::map<PoolKey, Pool>& pools() { return pools_; }
  const std::map<PoolKey, Pool>& pools() const { return pools_; }
  // Not settled, of one engine.
  int64_t SizeOf(const std::string& engine) const;
  int64_t size() const { return size_; }

 private:
  struct Lane {
    Entry* head = nullptr;
    Ordered blocked;
    std::vector<Entry*> manual;
  };
  struct ByJitter {
    bool operator()(const Entry* a, const Entry* b) const {
      return std::pair(a->fire.dispatch_after, a->seq) < std::pair(b->fire.dispatch_after, b->seq);
    }
  };
  struct ByBackoff {
    bool operator()(const Entry* a, const Entry* b) const {
      return std::pair(a->since.since_boot, a->seq) < std::pair(b->since.since_boot, b->seq);
    }
  };

  // Ready or jittered.
  void Release(Entry* entry, absl::Time now);
  // Out of whichever ordered set it stands in.
  void Withdraw(Entry* entry);
  void MakeReady(Entry* entry);
  void LeaveLane(Entry* entry, absl::Time now);

  absl::flat_hash_map<FireId, std::unique_ptr<Entry>> entries_;
  std::map<PoolKey, Pool> pools_;
  absl::flat_hash_map<ScheduleId, Lane> lanes_;
  absl::btree_set<Entry*, ByJitter> jittered_;
  absl::btree_set<Entry*, ByBackoff> backed_off_;
  uint64_t next_seq_ = 0;
  int64_t size_ = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_FIRE_QUEUE_H_
