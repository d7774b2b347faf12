#include "services/scheduler/cli/stored_schedules.h"

#include <utility>

#include "services/base/status_macros.h"
#include "services/scheduler/cli/progress.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/values.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/convert.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {

absl::Status ForEachStored(const ClientOptions& options, const v1::ScheduleFilter& filter,
                           const std::string& verb,
                           absl::FunctionRef<void(v1::Schedule&& schedule)> take) {
  ASSIGN_OR_RETURN(const auto stub, StubOf<v1::ScheduleService>(options));
  v1::ListSchedulesRequest request;
  request.set_parent(ParentName(options));
  request.set_page_size(kPageSizeMax);
  *request.mutable_filter() = filter;
  Progress progress(verb);
  int64_t seen = 0;
  do {
    v1::ListSchedulesResponse response;
    RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
      return stub->ListSchedules(&context, request, &response);
    }));
    for (v1::Schedule& schedule : *response.mutable_schedules()) take(std::move(schedule));
    seen += response.schedules_size();
    progress.Show(seen, 0);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

Schedule StoredAsCore(const v1::Schedule& message, const std::string& project) {
  Faults faults;
  Schedule schedule = ToSchedule(message, "schedule", faults);
  schedule.project = project;
  schedule.name = IdIn(message.name(), "schedules");
  schedule.state = static_cast<ScheduleState>(message.state());
  schedule.created_at = ToTime(message.create_time());
  return schedule;
}

}  // namespace z4j::scheduler
