#ifndef Z4J_SCHEDULER_CORE_LINT_RULES_H_
#define Z4J_SCHEDULER_CORE_LINT_RULES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/lint.h"
#include "services/scheduler/core/schedule.h"

// lint.cc's own: the groups of rules.  Each adds its notes to `notes`; the schedule can be
// computed.
namespace z4j::scheduler {

using LintNotes = std::vector<LintNote>;

// The path of a cron's field: "spec.cron.minute", or the expression's if that was given.
std::string CronPath(const CronSpec& cron, const char* field);

// What the fields of a cron say together: EVERY_SECOND, EVERY_MINUTE, LONE_MINUTE, BOTH_DAY_FIELDS,
// SHORT_MONTHS.
void LintCron(const CronSpec& cron, LintNotes* notes);
// Steps of a cron: UNEVEN_STEP, STEP_TOO_LARGE.  `raw` is the definition as it was where it was
// imported from: there a step may still stand that has become a list.
void LintCronSteps(const CronSpec& cron, const std::string& raw, LintNotes* notes);

// Wall times that the next changes of the clock remove or repeat: DST_TIME.
void LintDst(const Schedule& schedule, absl::Time now, LintNotes* notes);
// A time of the day that seems to be meant in UTC: UTC_HOURS.
void LintUtcHours(const Schedule& schedule, absl::Time now, LintNotes* notes);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_LINT_RULES_H_
