#ifndef Z4J_SCHEDULER_CORE_TESTING_SAMPLES_H_
#define Z4J_SCHEDULER_CORE_TESTING_SAMPLES_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"

// Short ways to write schedules and times in tests of recurrences.
namespace z4j::scheduler {

struct Policy {
  GapPolicy gap = GapPolicy::kNextValid;
  FoldPolicy fold = FoldPolicy::kAuto;
  DayMatch day_match = DayMatch::kOr;
};

inline Schedule CronIn(absl::string_view zone, absl::string_view expression, Policy policy = {}) {
  Schedule schedule;
  CronSpec cron;
  cron.expression = std::string(expression);
  cron.day_match = policy.day_match;
  schedule.spec = cron;
  schedule.time_zone = std::string(zone);
  schedule.gap = policy.gap;
  schedule.fold = policy.fold;
  return schedule;
}

inline absl::Time Utc(absl::string_view text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%E*S", text, absl::UTCTimeZone(), &time, &error))
      << error;
  return time;
}

// The next `count` due times after `after`, as "2026-03-29 01:00" UTC ("…:05" with seconds).
inline std::vector<std::string> Next(const Schedule& schedule, absl::Time after, int count) {
  const auto recurrence = CompileRecurrence(schedule);
  if (!recurrence.ok()) return {recurrence.status().ToString()};
  std::vector<std::string> times;
  for (absl::Time at = after; count-- > 0;) {
    at = (*recurrence)->NextAfter(at);
    if (at == absl::InfiniteFuture()) break;
    const bool is_minute = absl::ToUnixMicros(at) % 60'000'000 == 0;
    times.push_back(absl::FormatTime(is_minute ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M:%E*S", at,
                                     absl::UTCTimeZone()));
  }
  return times;
}

inline std::vector<std::string> Next(const Schedule& schedule, absl::string_view after, int count) {
  return Next(schedule, Utc(after), count);
}

inline Schedule IntervalOf(absl::Duration period, absl::Time anchor, Arithmetic arithmetic,
                           absl::string_view zone = "UTC") {
  Schedule schedule;
  schedule.spec = IntervalSpec{period, anchor, arithmetic};
  schedule.time_zone = std::string(zone);
  return schedule;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_TESTING_SAMPLES_H_
