#ifndef Z4J_SCHEDULER_CORE_PREVIEW_H_
#define Z4J_SCHEDULER_CORE_PREVIEW_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// One future fire as a person wants to see it.
struct PreviewedFire {
  absl::Time due_at;
  std::string local_time;  // "2026-03-29T03:00:00+02:00" in the schedule's zone.
  // What a DST change did to it; empty for most: "02:30 does not exist on this day (clocks go
  // forward at 02:00): runs at 03:00 (gap NEXT_VALID)".
  std::string note;
};

// The next `count` fires (1..1000) of `schedule` strictly after max(after, start_at - 1 µs), as the
// tick would decide them (start_at, end_at, and the rest of max_fires after `cursor`), without
// jitter.  Fewer if it ends.  INVALID_ARGUMENT as CompileRecurrence, or on "count".  Pure.
absl::StatusOr<std::vector<PreviewedFire>> PreviewFires(const Schedule& schedule,
                                                        const Cursor& cursor, absl::Time after,
                                                        int count);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_PREVIEW_H_
