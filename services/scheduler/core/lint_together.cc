#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/core/lint.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kAhead = absl::Hours(24);
constexpr int kDueTimesSeen = 25;  // Of each schedule: an hourly one has 24 in a day.

// Whether its due times are dispatched as they come.
bool Counts(const Schedule& schedule) {
  const bool is_live =
      schedule.state == ScheduleState::kEnabled || schedule.state == ScheduleState::kShadow;
  return is_live && schedule.jitter == absl::ZeroDuration();
}

struct Second {
  int schedules = 0;
  const Schedule* some[3] = {};  // The first ones.
};

}  // namespace

std::vector<LintNote> LintTogether(const std::vector<const Schedule*>& schedules, absl::Time now) {
  absl::flat_hash_map<int64_t, Second> seconds;
  for (const Schedule* schedule : schedules) {
    if (!Counts(*schedule)) continue;
    const auto recurrence = CompileRecurrence(*schedule);
    if (!recurrence.ok()) continue;
    const PlanPolicy policy = PolicyOf(*schedule);
    int64_t last = -1;  // A schedule counts once in each second.
    absl::Time at = NextDue(**recurrence, policy, {now, 0});
    for (int i = 0; i < kDueTimesSeen && at <= now + kAhead; ++i) {
      if (const int64_t second = absl::ToUnixSeconds(at); second != last) {
        Second& here = seconds[second];
        if (here.schedules < std::ssize(here.some)) here.some[here.schedules] = schedule;
        ++here.schedules;
        last = second;
      }
      at = NextDue(**recurrence, policy, {at, 0});
    }
  }

  int64_t fullest = 0;
  int full = 0;
  for (const auto& [second, here] : seconds) {
    if (here.schedules < kSameSecondMin) continue;
    ++full;
    const int most = fullest == 0 ? 0 : seconds[fullest].schedules;
    // The earliest of those that are equal, so that the answer is always the same.
    if (here.schedules > most || (here.schedules == most && second < fullest)) fullest = second;
  }
  if (full == 0) return {};
  const Second& here = seconds[fullest];
  std::string names;
  for (const Schedule* one : here.some) {
    if (one != nullptr) absl::StrAppend(&names, names.empty() ? "" : ", ", one->name);
  }
  return {{"SAME_SECOND", "spec",
           absl::StrCat(
               here.schedules, " schedules (", names, ", …) come due in one second, ",
               absl::FormatTime("%Y-%m-%d %H:%M:%SZ", absl::FromUnixSeconds(fullest),
                                absl::UTCTimeZone()),
               full > 1 ? absl::StrCat("; ", full - 1, " more seconds of the day are full") : ""),
           "spread them: other minutes, or a jitter with jitter_mode HASH"}};
}

}  // namespace z4j::scheduler
