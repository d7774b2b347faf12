// Nanoseconds per next due time, for each class of spec, in America/New_York.
//
// Prints one line per class: name, ns per call (median of several runs of many calls that walk
// through a year).

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/scheduler/core/recurrence.h"

namespace {

using z4j::scheduler::CompileRecurrence;
using z4j::scheduler::CronSpec;
using z4j::scheduler::IntervalSpec;
using z4j::scheduler::Schedule;
using z4j::scheduler::SolarSpec;

constexpr int kRuns = 15;
constexpr int kCalls = 20'000;

double MedianNanoseconds(const Schedule& schedule) {
  const auto recurrence = CompileRecurrence(schedule);
  if (!recurrence.ok()) {
    std::fprintf(stderr, "%s\n", recurrence.status().ToString().c_str());
    std::exit(1);
  }
  const absl::Time start = absl::FromUnixSeconds(1'767'225'600);  // 2026-01-01
  const absl::Time end = start + absl::Hours(24 * 365);
  std::vector<double> runs;
  for (int run = 0; run < kRuns; ++run) {
    absl::Time at = start;
    const absl::Time begin = absl::Now();
    for (int i = 0; i < kCalls; ++i) {
      at = (*recurrence)->NextAfter(at);
      if (at > end) at = start;
    }
    runs.push_back(absl::ToDoubleNanoseconds(absl::Now() - begin) / kCalls);
  }
  std::nth_element(runs.begin(), runs.begin() + kRuns / 2, runs.end());
  return runs[kRuns / 2];
}

void Report(const std::string& name, z4j::scheduler::Spec spec) {
  Schedule schedule;
  schedule.spec = std::move(spec);
  schedule.time_zone = "America/New_York";
  schedule.created_at = absl::FromUnixSeconds(1'767'225'600);
  std::printf("%s %.1f\n", name.c_str(), MedianNanoseconds(schedule));
}

}  // namespace

int main() {
  Report("next_fire_ns.cron_every_minute", CronSpec{.expression = "* * * * *"});
  Report("next_fire_ns.cron_every_5_minutes", CronSpec{.expression = "*/5 * * * *"});
  Report("next_fire_ns.cron_daily", CronSpec{.expression = "0 3 * * *"});
  Report("next_fire_ns.cron_weekly", CronSpec{.expression = "0 9 * * 1"});
  Report("next_fire_ns.cron_leap_day", CronSpec{.expression = "0 0 29 2 *"});
  Report("next_fire_ns.interval",
         IntervalSpec{.period = absl::Seconds(30), .anchor = absl::FromUnixSeconds(1'767'225'600)});
  Report("next_fire_ns.solar",
         SolarSpec{.latitude = 40.7, .longitude = -74.0, .offset = absl::ZeroDuration()});
  return 0;
}
