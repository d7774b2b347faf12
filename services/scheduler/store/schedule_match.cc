#include "services/scheduler/store/schedule_match.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {

absl::string_view SourceKindOf(const Schedule& schedule) {
  return schedule.source.has_value() ? schedule.source->kind : absl::string_view();
}

absl::string_view SourceLocatorOf(const Schedule& schedule) {
  return schedule.source.has_value() ? schedule.source->locator : absl::string_view();
}

bool Matches(const ScheduleQuery& query, const Schedule& schedule) {
  return schedule.project == query.project && (!query.state || schedule.state == *query.state) &&
         (query.engine.empty() || schedule.engine == query.engine) &&
         (query.kind.empty() || KindOf(schedule.spec) == query.kind) &&
         absl::StartsWith(schedule.name, query.name_prefix) &&
         (query.source_kind.empty() || SourceKindOf(schedule) == query.source_kind) &&
         (query.source_locator.empty() || SourceLocatorOf(schedule) == query.source_locator) &&
         std::all_of(query.labels.begin(), query.labels.end(), [&](const auto& label) {
           const auto found = schedule.labels.find(label.first);
           return found != schedule.labels.end() && found->second == label.second;
         });
}

}  // namespace z4j::scheduler
