#ifndef Z4J_TESTS_SIMULATION_FIRE_ORACLE_H_
#define Z4J_TESTS_SIMULATION_FIRE_ORACLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/core/fire.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/store/schedule_store.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

// Since the world began.
std::string TextOf(absl::Time time);

// Once everything works: a turn every second, and a few tries.
inline constexpr absl::Duration kLateMax = absl::Seconds(3);

// What must hold of schedules and their fires, whatever becomes of schedulers, their elections and
// their ways to the database, and whatever users change meanwhile: each due time is decided once,
// in order, and none is left out; nothing is decided of a schedule that is paused or deleted; the
// fence only rises, and nobody writes under an older token; watermarks only move forward; what
// engines get is a row of the database, and never one that was done with.  Told of every commit.
class FireOracle {
 public:
  FireOracle(World& world, Oracle& oracle) : world_(world), oracle_(oracle) {}

  // --- What is committed, in its order ---
  // Somebody made, changed or deleted a schedule at `now` by the clock of whoever did it, and left
  // rows of what was not decided.
  using Stored = std::optional<scheduler::StoredSchedule>;  // None: there was, or is, none.
  void Changed(const Stored& before, const Stored& after, const std::vector<scheduler::Fire>& rows,
               absl::Time now);
  void Raised(scheduler::FencingToken token, const std::string& holder);
  // Until when a leader is known to have been live `was` one thing before this, and `is` another.
  void Wrote(scheduler::FencingToken token, absl::Time was, absl::Time is);
  using Cursors = std::vector<std::pair<scheduler::ScheduleId, scheduler::Cursor>>;
  void Committed(scheduler::FencingToken token, const scheduler::FireBatch& batch,
                 const Cursors& before, const Cursors& after);
  // A fire is no longer PENDING, or its run has ended.
  void Settled(const scheduler::FireUpdate& update);

  // --- What schedulers do ---
  // A leader that raised the fence at `since` hands a fire to an engine.
  void HandsOver(NodeId node, Instant since, const scheduler::DispatchItem& item);
  // An engine begins a run that it has not begun before, or ends one.
  void RunBegins(const scheduler::FireRef& run);
  void RunEnds(const scheduler::FireRef& run);
  // It was told that a write of this token was refused, had its turn, and leads on.
  void LeadsOnRefused(NodeId node, scheduler::FencingToken token);
  void Fail(const std::string& breach) { oracle_.Fail(breach); }

  // --- In peace ---
  // From now on nothing is broken, and nodes leave in good order alone: what comes due is decided
  // within `late_max`, and what one node hands over no other one does.
  void BeginPeace(absl::Duration late_max);
  void EndPeace();
  Instant NextDue() const;  // Infinite: no schedule is to fire.

  // Whether all is decided and handed over that came due up to a few seconds ago; if not, what is
  // missing.
  std::optional<std::string> Missing() const;
  uint64_t rows() const { return rows_.size(); }

 private:
  struct Known {
    scheduler::Schedule schedule;
    absl::Duration period;
    absl::Time next;                      // The first due time that is not decided.
    std::set<scheduler::FireId> running;  // At the engine,
    std::set<scheduler::FireId> open;     // and in the database, where they left PENDING.
    absl::Time last_end;                  // There.
    absl::Time changed_at;
    // Which task it was to run since when.
    std::vector<std::pair<Instant, std::string>> tasks;
  };
  struct Peace {
    absl::Time since;
    absl::Duration late_max;
    std::map<scheduler::FireId, NodeId> handed_over;
  };
  struct Row {
    scheduler::FireKey key;
    int run = 1;
    absl::Time leaves_at;                 // From then on it is to be handed over.
    std::optional<Instant> settled = {};  // When it left PENDING.
    bool ended = false;
  };

  void Made(const scheduler::StoredSchedule& made);
  void Deleted(const scheduler::Schedule& gone);
  void Edited(Known& known, const scheduler::StoredSchedule& before,
              const scheduler::StoredSchedule& after, absl::Time now);
  // A row of due times that a change leaves undone.
  void LeftOut(Known& known, const scheduler::Fire& row, scheduler::FireReason reason);
  // The next due times are those of the row, which must follow those before it.
  void Follows(Known& known, const scheduler::Fire& row);
  void Decided(Known& known, const scheduler::Fire& fire);
  void CheckSkipped(const Known& known, const scheduler::Fire& fire, absl::Time first);
  void Ended(const scheduler::FireUpdate& update, Row& row);
  // Whether the fire may wait for a run before it, or did until a moment ago.
  bool Waits(const Row& row) const;
  void CheckTask(const Known& known, Instant since, const std::string& task,
                 const std::string& what);
  void CheckInTime(const Known& known, absl::Time due);
  void CheckHandedOverOnce(NodeId node, scheduler::FireId fire, const std::string& what);
  bool MayBeMissed(absl::Time first, absl::Time last) const;
  bool MustBeMissed(absl::Time due) const;
  absl::Time Now() const;

  World& world_;
  Oracle& oracle_;
  scheduler::FencingToken newest_;
  std::map<scheduler::ScheduleId, Known> schedules_;
  std::map<scheduler::FireId, Row> rows_;
  std::set<std::pair<absl::Time, scheduler::FireId>> pending_;
  absl::Time live_at_;            // A leader wrote,
  scheduler::FencingToken live_;  // this one.
  int raises_ = 0;  // Of the fence, since the last commit, that are not told by Wrote.
  // Times longer than the grace in which none did: what came due in them may be missed; and must,
  // where the policy says so, if it was another one that wrote then.
  struct Silence {
    absl::Time from, to;
    absl::Time perhaps_to;  // What was due by then may be missed, and need not be.
    bool of_one;
  };
  std::vector<Silence> silences_;
  std::optional<Peace> peace_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_FIRE_ORACLE_H_
