// What is stored of the schedules that an import is about.
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_write.h"
#include "services/scheduler/cli/progress.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/values.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/convert.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {
namespace {

// As core has it.  What the server stores has no faults.
Schedule CoreOf(const v1::Schedule& message, const std::string& project) {
  Faults faults;
  Schedule schedule = ToSchedule(message, "schedule", faults);
  schedule.project = project;
  schedule.name = IdIn(message.name(), "schedules");
  schedule.state = static_cast<ScheduleState>(message.state());
  schedule.created_at = ToTime(message.create_time());
  return schedule;
}

bool Matters(const v1::Schedule& schedule, const SourceInfo& source,
             const absl::flat_hash_set<std::string>& names) {
  return (schedule.source().kind() == source.kind &&
          schedule.source().locator() == source.locator) ||
         names.contains(IdIn(schedule.name(), "schedules"));
}

absl::StatusOr<std::string> TzdataOfServer(const ClientOptions& options) {
  ASSIGN_OR_RETURN(const auto stub, StubOf<v1::ClusterService>(options));
  v1::GetStatusResponse response;
  RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
    return stub->GetStatus(&context, {}, &response);
  }));
  return response.tzdata_version();
}

}  // namespace

absl::StatusOr<StoredSchedules> FetchStored(const ClientOptions& options, const Reading& reading) {
  StoredSchedules stored;
  ASSIGN_OR_RETURN(stored.tzdata, TzdataOfServer(options));
  absl::flat_hash_set<std::string> names;
  for (const ReadSchedule& found : reading.schedules) {
    names.insert(found.definition.schedule.name);
  }
  ASSIGN_OR_RETURN(const auto stub, StubOf<v1::ScheduleService>(options));
  v1::ListSchedulesRequest request;
  request.set_parent(ParentName(options));
  request.set_page_size(kPageSizeMax);
  Progress progress("looking at stored schedules");
  int64_t seen = 0;
  do {
    v1::ListSchedulesResponse response;
    RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
      return stub->ListSchedules(&context, request, &response);
    }));
    for (const v1::Schedule& schedule : response.schedules()) {
      if (!Matters(schedule, reading.source, names)) continue;
      stored.schedules.push_back(CoreOf(schedule, options.project));
      stored.etags.push_back(schedule.etag());
    }
    seen += response.schedules_size();
    progress.Show(seen, 0);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return stored;
}

}  // namespace z4j::scheduler
