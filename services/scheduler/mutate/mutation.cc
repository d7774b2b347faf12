#include "services/scheduler/mutate/mutation.h"

#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

ScheduleKey Key(const CreateSchedule& create) {
  return {create.schedule.project, create.schedule.name};
}
ScheduleKey Key(const CancelFire& cancel) { return cancel.schedule; }
ScheduleKey Key(const RetryFire& retry) { return retry.schedule; }
ScheduleKey Key(const RecordClusterChange&) { return {}; }
template <typename Action>
ScheduleKey Key(const Action& action) {
  return action.key;
}

}  // namespace

ScheduleKey KeyOf(const MutationAction& action) {
  return std::visit([](const auto& a) { return Key(a); }, action);
}

std::string ResourceName(const ScheduleKey& key) {
  return absl::StrCat("projects/", key.project, "/schedules/", key.name);
}

std::string EtagOf(int64_t revision) { return absl::StrCat("\"", revision, "\""); }
std::string EtagOf(const Schedule& schedule) { return EtagOf(schedule.revision); }

}  // namespace z4j::scheduler
