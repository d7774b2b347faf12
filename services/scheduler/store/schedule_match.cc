#include "services/scheduler/store/schedule_match.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {

bool Matches(const ScheduleQuery& query, const Schedule& schedule) {
  return schedule.project == query.project && (!query.state || schedule.state == *query.state) &&
         (query.engine.empty() || schedule.engine == query.engine) &&
         (query.kind.empty() || KindOf(schedule.spec) == query.kind) &&
         absl::StartsWith(schedule.name, query.name_prefix) &&
         std::all_of(query.labels.begin(), query.labels.end(), [&](const auto& label) {
           const auto found = schedule.labels.find(label.first);
           return found != schedule.labels.end() && found->second == label.second;
         });
}

}  // namespace z4j::scheduler
