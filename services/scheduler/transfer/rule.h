#ifndef Z4J_SCHEDULER_TRANSFER_RULE_H_
#define Z4J_SCHEDULER_TRANSFER_RULE_H_

#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// Which rule most likely makes a source fire at `there` where `schedules` (one, or a group) fire at
// `here`; InfiniteFuture stands for "not any more".  In words for people: "clocks go forward at
// 2027-03-28 02:00 (gap NEXT_VALID)".  A guess from where the instants lie; it decides nothing.
// Pure.
std::string RuleBehind(absl::Span<const Schedule> schedules, absl::Time there, absl::Time here);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_RULE_H_
