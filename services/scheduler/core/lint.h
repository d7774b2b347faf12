#ifndef Z4J_SCHEDULER_CORE_LINT_H_
#define Z4J_SCHEDULER_CORE_LINT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

// What a schedule says exactly and its author probably does not mean.  Never a reason to refuse it;
// docs/semantics.md lists the codes.  Pure.
namespace z4j::scheduler {

struct LintNote {
  std::string code;     // "EVERY_MINUTE"; never changes its meaning.
  std::string field;    // As the API names it, from the schedule on: "spec.cron.minute".
  std::string message;  // What it does.
  std::string fix;      // What to write for what was probably meant.

  friend bool operator==(const LintNote&, const LintNote&) = default;
};

// The notes on one schedule, whatever its state; none if it cannot be computed, which is
// validation's to say.  Looks at the due times after `now`, at most a few dozen.
std::vector<LintNote> Lint(const Schedule& schedule, absl::Time now);

// The notes on many together: that kSameSecondMin of them or more come due in one second of the day
// after `now`.  Counts those that are enabled or in shadow and have no jitter, with their next 25
// due times each.
std::vector<LintNote> LintTogether(const std::vector<const Schedule*>& schedules, absl::Time now);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_LINT_H_
