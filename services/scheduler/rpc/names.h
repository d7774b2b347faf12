#ifndef Z4J_SCHEDULER_RPC_NAMES_H_
#define Z4J_SCHEDULER_RPC_NAMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/store/schedule_store.h"

// Resource names.  Each parser answers INVALID_ARGUMENT for `field` with the form that is wanted.
// Whether an id is well formed is validation's, what it names the store's.
namespace z4j::scheduler {

// "projects/{project}"
absl::StatusOr<std::string> ParseProject(absl::string_view text, absl::string_view field);

// "projects/{project}/schedules/{schedule}"
absl::StatusOr<ScheduleKey> ParseScheduleName(absl::string_view text, absl::string_view field);

// "projects/{project}/schedules/{schedule}/fires/{uuid}"; project and schedule may be "-".
struct FireName {
  ScheduleKey schedule;
  FireId id;
};
absl::StatusOr<FireName> ParseFireName(absl::string_view text, absl::string_view field);

// The name it has also when its schedule is deleted.
std::string FireResourceName(const ScheduleKey& schedule, FireId id);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_NAMES_H_
