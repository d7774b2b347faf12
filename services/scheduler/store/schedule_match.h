#ifndef Z4J_SCHEDULER_STORE_SCHEDULE_MATCH_H_
#define Z4J_SCHEDULER_STORE_SCHEDULE_MATCH_H_

#include "absl/strings/string_view.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Whether `schedule` is one that `query` asks for, wherever its page begins.  Pure.
bool Matches(const ScheduleQuery& query, const Schedule& schedule);

// Of its source, as the columns have them; empty if it was made here.  They live as `schedule`
// does.
absl::string_view SourceKindOf(const Schedule& schedule);
absl::string_view SourceLocatorOf(const Schedule& schedule);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_SCHEDULE_MATCH_H_
