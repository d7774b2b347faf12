// What is stored of the schedules that an import is about.
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_write.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/stored_schedules.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"

namespace z4j::scheduler {
namespace {

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
  const auto keep = [&](v1::Schedule&& schedule) {
    if (!Matters(schedule, reading.source, names)) return;
    stored.schedules.push_back(StoredAsCore(schedule, options.project));
    stored.etags.push_back(schedule.etag());
  };
  RETURN_IF_ERROR(ForEachStored(options, {}, "looking at stored schedules", keep));
  return stored;
}

}  // namespace z4j::scheduler
