#ifndef Z4J_SCHEDULER_CORE_RECURRENCE_H_
#define Z4J_SCHEDULER_CORE_RECURRENCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// When a schedule's spec comes due, computed: the one evaluator, used by tick, preview, validation
// and gap counting alike.  Immutable and thread-safe; share it between schedules with the same
// Key().  start_at, end_at, max_fires, pauses and jitter are the planner's.
class Recurrence {
 public:
  virtual ~Recurrence() = default;

  // The first due time strictly after `after`; InfiniteFuture() if there is none.  Pure.
  virtual absl::Time NextAfter(absl::Time after) const = 0;

  // The last due time at or before `at`; InfinitePast() if there is none.
  virtual absl::Time LastAtOrBefore(absl::Time at) const = 0;

  // How many due times lie in (after, until].  Exact, and cheap for long ranges: at most O(days),
  // never O(fires) for dense specs.
  virtual int64_t CountBetween(absl::Time after, absl::Time until) const = 0;
};

// Compiles spec, zone and DST policy of `schedule`.  INVALID_ARGUMENT with field violations (paths
// relative to the schedule: "spec.cron.expression", "time_zone", …) if the spec is malformed or
// can never match.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileRecurrence(const Schedule& schedule);

// Where the grid of an interval begins: at its anchor, else at the schedule's creation, else (a
// schedule that is only being checked) anywhere.
absl::Time AnchorOf(const IntervalSpec& spec, const Schedule& schedule);

// Two schedules with equal keys have equal recurrences.
std::string RecurrenceKey(const Schedule& schedule);

// Version of the time zone data in use, such as "2025b"; "unknown" if the system does not say.
std::string TzdataVersion();

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_RECURRENCE_H_
