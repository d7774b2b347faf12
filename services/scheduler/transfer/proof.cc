#include "services/scheduler/transfer/proof.h"

#include <algorithm>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/zone.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/transfer/rule.h"

namespace z4j::scheduler {
namespace {

// A proof across a change of the clock begins so long before it: a fold's hour comes twice around
// it.
constexpr absl::Duration kBeforeChange = absl::Minutes(65);
constexpr int kChangesProved = 2;  // Of each zone: the next gap and the next fold.

// Whether a change of the clock can move its due times.
bool FollowsClock(const Schedule& schedule) {
  if (const auto* interval = std::get_if<IntervalSpec>(&schedule.spec)) {
    return interval->arithmetic == Arithmetic::kWall;
  }
  return !std::holds_alternative<OneShotSpec>(schedule.spec) &&
         !std::holds_alternative<SolarSpec>(schedule.spec);
}

// Appends the next `count` due times of one schedule.
absl::Status AddFires(const Schedule& schedule, absl::Time after, int count,
                      std::vector<absl::Time>& fires) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Recurrence> recurrence, CompileRecurrence(schedule));
  const PlanPolicy policy = PolicyOf(schedule);
  Cursor at = {std::max(after, policy.start_at - absl::Microseconds(1)), 0};
  for (; count > 0; --count) {
    const absl::Time due = NextDue(*recurrence, policy, at);
    if (due == absl::InfiniteFuture()) break;
    fires.push_back(due);
    at = {due, at.fires + 1};
  }
  return absl::OkStatus();
}

// The fires before `ends` and the calendar's last day: it ends with a year of the zone, some hours
// apart.
absl::Span<const absl::Time> Comparable(absl::Span<const absl::Time> fires, absl::Time ends) {
  const absl::Time last_day =
      absl::FromCivil(absl::CivilDay(kCalendarYearMax, 12, 31), absl::UTCTimeZone());
  const auto end = std::lower_bound(fires.begin(), fires.end(), std::min(ends, last_day));
  return fires.first(end - fires.begin());
}

}  // namespace

absl::StatusOr<std::vector<absl::Time>> NextFires(absl::Span<const Schedule> schedules,
                                                  absl::Time after, int count) {
  std::vector<absl::Time> fires;
  for (const Schedule& schedule : schedules) {
    RETURN_IF_ERROR(AddFires(schedule, after, count, fires));
  }
  if (schedules.size() > 1) {
    std::sort(fires.begin(), fires.end());
    fires.erase(std::unique(fires.begin(), fires.end()), fires.end());
    if (fires.size() > count) fires.resize(count);
  }
  return fires;
}

absl::StatusOr<Proof> Prove(absl::Span<const Schedule> schedules, absl::Time after,
                            absl::Span<const absl::Time> fires, int wanted, absl::Time ends) {
  fires = Comparable(fires, ends);
  Proof proof;
  proof.compared = static_cast<int>(fires.size());
  const int count = fires.size() < wanted ? proof.compared + 1 : proof.compared;
  ASSIGN_OR_RETURN(const std::vector<absl::Time> all, NextFires(schedules, after, count));
  const absl::Span<const absl::Time> ours = Comparable(all, ends);
  for (int i = 0; i < std::max(fires.size(), ours.size()); ++i) {
    const absl::Time there = i < fires.size() ? fires[i] : absl::InfiniteFuture();
    const absl::Time here = i < ours.size() ? ours[i] : absl::InfiniteFuture();
    if (there == here) continue;
    if (proof.differ.empty()) {
      proof.differ.push_back({i, there, here, RuleBehind(schedules, there, here)});
    }
    if (std::max(there, here) == absl::InfiniteFuture()) break;
    proof.apart_max = std::max(proof.apart_max, absl::AbsDuration(there - here));
  }
  return proof;
}

std::string LocalAndUtc(absl::Time time, const std::string& zone_name) {
  if (time == absl::InfiniteFuture()) return "no further fire";
  const absl::TimeZone zone = ShownZone(zone_name);
  const char* utc = absl::ToCivilDay(time, zone) == absl::ToCivilDay(time, absl::UTCTimeZone())
                        ? "%H:%M:%E*S"
                        : "%Y-%m-%d %H:%M:%E*S";
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%E*S %Ez", time, zone), " (",
                      absl::FormatTime(utc, time, absl::UTCTimeZone()), " UTC)");
}

std::vector<absl::Time> NextChanges(const std::string& zone_name, absl::Time after, int count) {
  std::vector<absl::Time> changes;
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(zone_name, &zone)) return changes;
  absl::TimeZone::CivilTransition change;
  while (static_cast<int>(changes.size()) < count && zone.NextTransition(after, &change)) {
    // The earlier of both does not exist, or exists twice: its instant of change is this one's.
    const absl::Time at = zone.At(std::min(change.from, change.to)).trans;
    if (change.from != change.to) changes.push_back(at);
    after = std::max(after + absl::Seconds(1), at);
  }
  return changes;
}

std::vector<absl::Time> ProofsAtChanges(const Schedule& schedule, absl::Time now,
                                        absl::Time proved_until) {
  std::vector<absl::Time> begins;
  if (schedule.max_fires > 0 || !FollowsClock(schedule)) return begins;
  for (const absl::Time change : NextChanges(schedule.time_zone, now, kChangesProved)) {
    if (proved_until <= change) begins.push_back(std::max(change - kBeforeChange, now));
  }
  return begins;
}

std::string TzdataRelease(absl::string_view version) {
  int number = 0;
  if (version.size() < 6 || version[4] != '.' || !absl::SimpleAtoi(version.substr(5), &number) ||
      number < 1 || number > 26) {
    return std::string(version);
  }
  return absl::StrCat(version.substr(0, 4), std::string(1, static_cast<char>('a' + number - 1)));
}

}  // namespace z4j::scheduler
