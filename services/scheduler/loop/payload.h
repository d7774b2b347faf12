#ifndef Z4J_SCHEDULER_LOOP_PAYLOAD_H_
#define Z4J_SCHEDULER_LOOP_PAYLOAD_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/dispatch/queued_fire.h"
#include "services/scheduler/store/schedule_store.h"

// What dispatching needs of a schedule, as few bytes as will do: a million of these are in memory,
// and only those that fire are unpacked.
namespace z4j::scheduler {

// Name, engine, task, arguments, options, retry policy and choice of adapters of `schedule`.
std::string PackPayload(const Schedule& schedule);

// The inverses, for texts that PackPayload made.  `overrides` replace args and kwargs if they are
// not empty.  Equal contents give templates with equal ids.
ScheduleKey KeyOfPayload(absl::string_view packed);
std::string EngineOfPayload(absl::string_view packed);
std::shared_ptr<const DispatchTarget> TargetOfPayload(absl::string_view packed,
                                                      absl::Duration catch_up_window,
                                                      absl::string_view args_override = "",
                                                      absl::string_view kwargs_override = "");

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_PAYLOAD_H_
