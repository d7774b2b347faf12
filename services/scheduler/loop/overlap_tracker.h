#ifndef Z4J_SCHEDULER_LOOP_OVERLAP_TRACKER_H_
#define Z4J_SCHEDULER_LOOP_OVERLAP_TRACKER_H_

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/dispatch/queued_fire.h"

namespace z4j::scheduler {

// Which runs have not ended, for the schedules whose overlap policy asks.  Automatic fires count,
// and retries, which go on with a run: a manual one neither suppresses nor is suppressed (law 1).
// Told twice that a run began or ended, it does nothing the second time.  Pure.
class OverlapTracker {
 public:
  // Begins to track; false if it was tracked before.
  bool Track(ScheduleId id) { return schedules_.try_emplace(id).second; }
  // Gives up; the fires it held back need not wait any more.
  std::vector<QueuedFire> Untrack(ScheduleId id);
  bool Tracks(ScheduleId id) const { return schedules_.contains(id); }

  OpenRuns Open(ScheduleId id) const;
  // A fire is on its way or running.  No effect for a schedule that is not tracked.
  void Started(ScheduleId id, FireId fire);
  // A fire is held back until the run before it has ended.
  void Buffer(QueuedFire fire);
  // A run has ended, or a fire that was held back is not wanted any more (then it is put into
  // `dropped`); returns the fire that may go now.
  std::optional<QueuedFire> Ended(FireId fire, std::optional<QueuedFire>* dropped);
  // The oldest fire held back, if nothing runs.
  std::optional<QueuedFire> Next(ScheduleId id);
  // Runs of which `forget` is true have ended for all that will ever be known.
  void ForgetRuns(ScheduleId id, absl::FunctionRef<bool(FireId)> forget);

  // Whether `fire` is held back.
  bool Buffered(FireId fire) const;
  // Every schedule that holds fires back.
  std::vector<ScheduleId> Buffering() const;
  // Forgets all runs and held fires; returns the schedules, which are tracked as before.
  std::vector<ScheduleId> ForgetAll();
  void Clear();

 private:
  struct State {
    std::vector<FireId> running;
    std::deque<QueuedFire> buffered;  // Oldest first.
  };

  absl::flat_hash_map<ScheduleId, State> schedules_;
  absl::flat_hash_map<FireId, ScheduleId> schedule_of_;  // Of every fire in schedules_.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_OVERLAP_TRACKER_H_
