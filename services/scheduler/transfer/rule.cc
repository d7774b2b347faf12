#include "services/scheduler/transfer/rule.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

// How far from a change of the clock two sides still differ because of it.
constexpr absl::Duration kNearChange = absl::Hours(25);

const char* Name(GapPolicy gap) {
  switch (gap) {
    case GapPolicy::kNextValid:
      return "NEXT_VALID";
    case GapPolicy::kShift:
      return "SHIFT";
    case GapPolicy::kSkip:
      return "SKIP";
  }
  return "unknown";
}

const char* Name(FoldPolicy fold) {
  switch (fold) {
    case FoldPolicy::kAuto:
      return "AUTO";
    case FoldPolicy::kFirst:
      return "FIRST";
    case FoldPolicy::kSecond:
      return "SECOND";
    case FoldPolicy::kBoth:
      return "BOTH";
  }
  return "unknown";
}

// The change of the clock that one of both instants lies at.
std::string ChangeNear(const Schedule& schedule, absl::Time first, absl::Time last) {
  absl::TimeZone zone;
  absl::TimeZone::CivilTransition change;
  if (!absl::LoadTimeZone(schedule.time_zone, &zone) ||
      !zone.NextTransition(first - absl::Hours(3), &change) || change.from == change.to) {
    return "";
  }
  const absl::Time at = zone.At(std::min(change.from, change.to)).trans;
  if (at > std::min(last, first + kNearChange) + absl::Hours(1)) return "";
  const bool is_gap = change.from < change.to;
  return absl::StrCat(
      is_gap ? "a gap: clocks go forward at " : "a fold: clocks go back at ",
      absl::FormatTime("%Y-%m-%d %H:%M", absl::FromCivil(change.from, absl::UTCTimeZone()),
                       absl::UTCTimeZone()),
      " in ", schedule.time_zone, is_gap ? " (gap " : " (fold ",
      is_gap ? Name(schedule.gap) : Name(schedule.fold), " here)");
}

bool IsAny(const std::string& field) { return field.empty() || field == "*" || field == "?"; }

std::string EndText(const Schedule& schedule, bool ends_here) {
  const char* who = ends_here ? "it ends here, and not there: " : "it ends there, and not here: ";
  if (schedule.max_fires > 0) return absl::StrCat(who, "max_fires ", schedule.max_fires);
  if (schedule.end_at.has_value()) return absl::StrCat(who, "end_time");
  return absl::StrCat(who, "its last due time");
}

std::string CronText(const CronSpec& cron, absl::Duration apart) {
  if (apart < absl::Seconds(1)) return "the fraction of the second";
  if (!IsAny(cron.day_of_month) && !IsAny(cron.day_of_week)) {
    return absl::StrCat("day of month with day of week (day_match ",
                        cron.day_match == DayMatch::kAnd ? "AND" : "OR", " here)");
  }
  if (!IsAny(cron.iso_week) || !IsAny(cron.year)) return "the week or year field";
  if (absl::StrContains(cron.day_of_week, "#") || absl::StrContains(cron.day_of_week, "L")) {
    return "the n-th or last weekday of a month";
  }
  return "the fields of the cron";
}

}  // namespace

std::string RuleBehind(absl::Span<const Schedule> schedules, absl::Time there, absl::Time here) {
  const Schedule& schedule = schedules.front();
  const absl::Time first = std::min(there, here), last = std::max(there, here);
  if (last == absl::InfiniteFuture()) return EndText(schedule, here == last);
  if (schedule.start_at.has_value() && first < *schedule.start_at) return "start_time";
  const absl::Duration apart = last - first;
  if (std::holds_alternative<SolarSpec>(schedule.spec)) return "the model of the sun's position";
  if (const auto* interval = std::get_if<IntervalSpec>(&schedule.spec)) {
    if (interval->arithmetic == Arithmetic::kAbsolute) return "where the interval's grid starts";
  } else if (std::holds_alternative<OneShotSpec>(schedule.spec)) {
    return "the instant itself";
  }
  if (std::string change = ChangeNear(schedule, first, last); !change.empty()) return change;
  const auto* cron = std::get_if<CronSpec>(&schedule.spec);
  const bool has_hours = cron == nullptr || !IsAny(cron->hour);
  if (has_hours && apart < absl::Hours(24) && apart % absl::Minutes(15) == absl::ZeroDuration()) {
    return absl::StrCat("the time zone or its rules: the same wall time would be ",
                        absl::FormatDuration(apart), " apart, and no change of the clock in ",
                        schedule.time_zone, " is near");
  }
  return cron != nullptr ? CronText(*cron, apart) : "the calendar's dates";
}

}  // namespace z4j::scheduler
