#include "services/scheduler/core/recurrence.h"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/calendar_interval.h"
#include "services/scheduler/core/cron.h"
#include "services/scheduler/core/cron_parse.h"
#include "services/scheduler/core/interval.h"
#include "services/scheduler/core/solar.h"
#include "services/scheduler/core/wall_clock.h"
#include "services/scheduler/core/wall_recurrence.h"
#include "services/scheduler/core/zone.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using RecurrencePtr = std::shared_ptr<const Recurrence>;

absl::StatusOr<RecurrencePtr> CompileCron(const CronSpec& spec, const Schedule& schedule,
                                          std::shared_ptr<const Zone> zone) {
  ASSIGN_OR_RETURN(const CronFields fields, ParseCron(spec));
  FoldPolicy fold = schedule.fold;
  if (fold == FoldPolicy::kAuto)
    fold = fields.is_hour_open ? FoldPolicy::kBoth : FoldPolicy::kFirst;
  auto cron = std::make_shared<WallRecurrence<CronPattern>>(
      CronPattern(fields), WallClock(std::move(zone), schedule.gap, fold),
      absl::Microseconds(spec.microsecond));
  if (cron->NextAfter(absl::InfinitePast()) == absl::InfiniteFuture()) {
    return FieldError(spec.expression.empty() ? "spec.cron" : "spec.cron.expression",
                      absl::StrCat("never comes due: no day from ", kCalendarYearMin, " to ",
                                   kCalendarYearMax, " matches all of day_of_month, month, ",
                                   "day_of_week, year and iso_week; allow a day that exists"));
  }
  return cron;
}

}  // namespace

absl::StatusOr<RecurrencePtr> CompileRecurrence(const Schedule& schedule) {
  ASSIGN_OR_RETURN(const std::optional<TimeGrid> grid, CompileTimeGrid(schedule));
  if (grid.has_value()) return std::make_shared<TimeGrid>(*grid);
  ASSIGN_OR_RETURN(std::shared_ptr<const Zone> zone, Zone::Load(schedule.time_zone));
  if (const auto* cron = std::get_if<CronSpec>(&schedule.spec)) {
    return CompileCron(*cron, schedule, std::move(zone));
  }
  if (const auto* interval = std::get_if<IntervalSpec>(&schedule.spec)) {
    const FoldPolicy fold = schedule.fold == FoldPolicy::kAuto ? FoldPolicy::kFirst : schedule.fold;
    return CompileWallInterval(*interval, AnchorOf(*interval, schedule),
                               WallClock(std::move(zone), schedule.gap, fold));
  }
  if (const auto* calendar = std::get_if<CalendarIntervalSpec>(&schedule.spec)) {
    const FoldPolicy fold = schedule.fold == FoldPolicy::kAuto ? FoldPolicy::kFirst : schedule.fold;
    return CompileCalendarInterval(*calendar, WallClock(std::move(zone), schedule.gap, fold));
  }
  return CompileSolar(std::get<SolarSpec>(schedule.spec));
}

absl::Time AnchorOf(const IntervalSpec& spec, const Schedule& schedule) {
  if (spec.anchor != absl::InfinitePast()) return spec.anchor;
  if (schedule.created_at == absl::InfinitePast()) return absl::UnixEpoch();
  return absl::FromUnixMicros(absl::ToUnixMicros(schedule.created_at));
}

std::string RecurrenceKey(const Schedule& schedule) {
  // Numbers are short and texts carry their length, so that no two different lists of them read
  // the same.
  std::string key;
  const auto add = [&key](const auto& value) {
    const std::string text = absl::StrCat(value);
    absl::StrAppend(&key, text.size(), ":", text);
  };
  add(schedule.spec.index());
  if (const auto* cron = std::get_if<CronSpec>(&schedule.spec)) {
    for (const std::string* text :
         {&cron->expression, &cron->second, &cron->minute, &cron->hour, &cron->day_of_month,
          &cron->month, &cron->day_of_week, &cron->year, &cron->iso_week}) {
      add(*text);
    }
    add(static_cast<int>(cron->day_match));
    add(cron->microsecond);
  } else if (const auto* interval = std::get_if<IntervalSpec>(&schedule.spec)) {
    add(absl::ToInt64Microseconds(interval->period));
    add(absl::ToUnixMicros(AnchorOf(*interval, schedule)));
    add(static_cast<int>(interval->arithmetic));
    if (interval->arithmetic == Arithmetic::kAbsolute) return key;
  } else if (const auto* one_shot = std::get_if<OneShotSpec>(&schedule.spec)) {
    add(absl::ToUnixMicros(one_shot->at));
    return key;
  } else if (const auto* solar = std::get_if<SolarSpec>(&schedule.spec)) {
    add(static_cast<int>(solar->event));
    // All digits: two places a metre apart are two places.
    add(absl::StrFormat("%.17g", solar->latitude));
    add(absl::StrFormat("%.17g", solar->longitude));
    add(absl::ToInt64Microseconds(solar->offset));
    return key;
  } else if (const auto* calendar = std::get_if<CalendarIntervalSpec>(&schedule.spec)) {
    for (const int number : {calendar->years, calendar->months, calendar->weeks, calendar->days,
                             calendar->at_second}) {
      add(number);
    }
    add(absl::FormatCivilTime(calendar->start_date));
  }
  add(schedule.time_zone);
  add(static_cast<int>(schedule.gap));
  add(static_cast<int>(schedule.fold));
  return key;
}

std::string TzdataVersion() {
  // Read once: the process keeps the zones that it has loaded as well.
  static const std::string* const version = [] {
    const char* dir = std::getenv("TZDIR");
    const std::string root = dir != nullptr && *dir != '\0' ? dir : "/usr/share/zoneinfo";
    std::string line;
    if (std::ifstream file(root + "/tzdata.zi"); std::getline(file, line)) {
      absl::string_view text = line;
      if (absl::ConsumePrefix(&text, "# version ")) return new std::string(text);
    }
    if (std::ifstream file(root + "/+VERSION"); std::getline(file, line)) {
      return new std::string(line);
    }
    return new std::string("unknown");
  }();
  return *version;
}

}  // namespace z4j::scheduler
