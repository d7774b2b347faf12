#ifndef Z4J_SCHEDULER_RPC_REQUESTS_H_
#define Z4J_SCHEDULER_RPC_REQUESTS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/rpc/convert.h"

// Requests into mutations and queries.  Pure; INVALID_ARGUMENT names the fields of the request.
// The caller of a mutation is left to be set.
namespace z4j::scheduler {

absl::StatusOr<Mutation> ParseCreate(const v1::CreateScheduleRequest& request);
absl::StatusOr<Mutation> ParseUpdate(const v1::UpdateScheduleRequest& request);
absl::StatusOr<Mutation> ParseDelete(const v1::DeleteScheduleRequest& request);
absl::StatusOr<Mutation> ParsePause(const v1::PauseScheduleRequest& request);
absl::StatusOr<Mutation> ParseResume(const v1::ResumeScheduleRequest& request);
absl::StatusOr<Mutation> ParseShadow(const v1::ShadowScheduleRequest& request);
absl::StatusOr<Mutation> ParseTrigger(const v1::TriggerScheduleRequest& request);

// One for each item, in their order; an item that cannot be parsed has its error.
absl::StatusOr<std::vector<absl::StatusOr<Mutation>>> ParseBatchCreate(
    const v1::BatchCreateSchedulesRequest& request);

absl::StatusOr<ScheduleQuery> ParseList(const v1::ListSchedulesRequest& request);
// The schedule of the parent is the caller's to look up: `schedule` is its name, empty for all.
struct FireListing {
  FireQuery query;
  ScheduleKey schedule;
};
absl::StatusOr<FireListing> ParseFireList(const v1::ListFiresRequest& request);
absl::StatusOr<ScheduleQuery> ParseFilter(const std::string& project,
                                          const v1::ScheduleFilter& filter);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_REQUESTS_H_
