#ifndef Z4J_SCHEDULER_CLI_STORED_SCHEDULES_H_
#define Z4J_SCHEDULER_CLI_STORED_SCHEDULES_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/core/schedule.h"
#include "z4j/scheduler/v1/schedule_service.pb.h"

namespace z4j::scheduler {

// Calls `take` with each schedule of the project that `filter` admits, ordered by name, a page at a
// time.  Progress ("reading") is shown on a terminal.
absl::Status ForEachStored(const ClientOptions& options, const v1::ScheduleFilter& filter,
                           const std::string& verb,
                           absl::FunctionRef<void(v1::Schedule&& schedule)> take);

// As core has it, with its project, name, state and creation.  What a server stores has no faults.
Schedule StoredAsCore(const v1::Schedule& message, const std::string& project);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_STORED_SCHEDULES_H_
