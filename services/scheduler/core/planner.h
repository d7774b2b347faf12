#ifndef Z4J_SCHEDULER_CORE_PLANNER_H_
#define Z4J_SCHEDULER_CORE_PLANNER_H_

#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/core/outage.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"

// The pure heart of the tick: told a schedule, how far it was decided and what time it is, it
// returns the rows to write.
namespace z4j::scheduler {

// What the planner must know of a schedule; a compact subset of Schedule so that a million fit in
// memory.  Shared by all schedules that are alike in it.
struct PlanPolicy {
  CatchUp catch_up = CatchUp::kFireOne;
  absl::Duration catch_up_window = absl::Hours(1);
  int catch_up_max = 100;
  Overlap overlap = Overlap::kAllow;
  absl::Time start_at = absl::InfinitePast();
  absl::Time end_at = absl::InfiniteFuture();
  int64_t max_fires = 0;
  absl::Duration jitter;
  JitterMode jitter_mode = JitterMode::kRandom;
  bool shadow = false;  // Recorded, not fired; `overlap` is kAllow then.

  friend bool operator==(const PlanPolicy&, const PlanPolicy&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PlanPolicy& p) {
    return H::combine(std::move(h), p.catch_up, p.catch_up_window, p.catch_up_max, p.overlap,
                      p.start_at, p.end_at, p.max_fires, p.jitter, p.jitter_mode, p.shadow);
  }
};
PlanPolicy PolicyOf(const Schedule& schedule);

// Where a new schedule begins: at its creation; just before `at` for a one-shot in the past, so
// that it fires once.  Resuming moves the watermark on to the instant of resuming.
Cursor InitialCursor(const Schedule& schedule);

// Runs of the same schedule that have not ended, for the overlap policy.
struct OpenRuns {
  int running = 0;   // Fires on their way or running.
  int buffered = 0;  // Fires held back by BUFFER_ONE.
};

// What to write for one schedule, in one statement: law 2.
struct Plan {
  std::vector<Fire> fires;  // Oldest first; SKIPPED rows among them.
  Cursor cursor;            // After these fires.
  absl::Time next_wake;     // Effective (jittered) time of the next due time; InfiniteFuture: none.
  bool finished = false;    // It will never fire again.
};

// Decides every due time in (cursor.watermark, now] whose jittered time has come, at most `limit`
// rows (the next call goes on; `next_wake` is then <= now).  `outages` stand in order and do not
// touch.  None lies before the schedule's creation, or must be given: nothing is missed before
// that, not even the `at` of a one-shot created in the past.  Pure.
//
//   * Due times outside `outages` fire, however late.
//   * Those missed in an outage follow catch_up, each outage for itself; those it drops are one
//     SKIPPED(CATCH_UP_POLICY) row with a count.
//   * With overlap SKIP, a fire while `open` has runs becomes SKIPPED(OVERLAP); with BUFFER_ONE one
//     fire is PENDING(OVERLAP), further ones SKIPPED(OVERLAP).
//   * In shadow, what would fire is a SKIPPED(SHADOW) row of its own instead, and does not count
//     towards max_fires.
//   * end_at and max_fires finish the schedule.  start_at is exclusive of nothing: a due time at
//     start_at fires.
Plan PlanFires(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
               const Cursor& cursor, absl::Span<const Outage> outages, OpenRuns open,
               absl::Time now, int limit);

// The first due time after `cursor`, within start_at, end_at and max_fires; InfiniteFuture if there
// is none.  Pure.
absl::Time NextDue(const Recurrence& recurrence, const PlanPolicy& policy, const Cursor& cursor);

// When the first due time after `cursor` is to be dispatched: due time plus jitter; InfiniteFuture
// if there is none.  Pure.
absl::Time NextWake(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
                    const Cursor& cursor);

// The delay of jitter for one due time: in [0, policy.jitter], a function of its arguments.  Pure.
absl::Duration JitterOf(ScheduleId id, absl::Time due_at, const PlanPolicy& policy);

// The one SKIPPED row for the due times in (cursor.watermark, until] that will not be decided,
// because the schedule was paused or edited: none if there are none.  Pure.
std::vector<Fire> PlanGap(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
                          const Cursor& cursor, absl::Time until, FireReason reason,
                          absl::Time now);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_PLANNER_H_
