#include "services/scheduler/transfer/export_line.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "services/base/status_macros.h"
#include "services/scheduler/core/cron_parse.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

// The numbers of the bits that are set.
Json BitsOf(uint64_t bits) {
  Json numbers = Json::array();
  for (int n = 0; n < 64; ++n) {
    if (bits >> n & 1) numbers.push_back(n);
  }
  return numbers;
}

Json CronOf(const CronFields& cron, int microsecond) {
  Json years = Json::array();
  for (int year = kCalendarYearMin; year <= kCalendarYearMax; ++year) {
    if (cron.years[year - kCalendarYearMin]) years.push_back(year);
  }
  Json nth = Json::array();
  for (const int bit : BitsOf(cron.nth_weekdays)) nth.push_back({bit % 7, bit / 7 + 1});
  return {{"seconds", BitsOf(cron.seconds)},
          {"minutes", BitsOf(cron.minutes)},
          {"hours", BitsOf(cron.hours)},
          {"months", BitsOf(cron.months)},
          {"days", BitsOf(cron.days)},
          {"weekdays", BitsOf(cron.weekdays)},
          {"years", years},
          {"isoWeeks", BitsOf(cron.iso_weeks)},
          {"daysBeforeLast", BitsOf(cron.days_before_last)},
          {"nearestWeekdays", BitsOf(cron.nearest_weekdays)},
          {"lastWeekdayOfMonth", cron.last_weekday_of_month},
          {"nthWeekdays", nth},
          {"lastWeekdays", BitsOf(cron.last_weekdays)},
          {"eitherDay", cron.either_day},
          {"microsecond", microsecond}};
}

const char* NameOf(FoldPolicy fold, bool is_hour_open) {
  switch (fold) {
    case FoldPolicy::kAuto:
      return is_hour_open ? "BOTH" : "FIRST";
    case FoldPolicy::kFirst:
      return "FIRST";
    case FoldPolicy::kSecond:
      return "SECOND";
    case FoldPolicy::kBoth:
      return "BOTH";
  }
  return "";
}

}  // namespace

absl::StatusOr<Json> ExportFields(const Schedule& schedule, const ExportAsk& ask) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Recurrence> recurrence, CompileRecurrence(schedule));
  Json line = {{"count", ask.count}, {"afterUs", Json::array()}};
  bool is_hour_open = false;
  if (const auto* cron = std::get_if<CronSpec>(&schedule.spec)) {
    ASSIGN_OR_RETURN(const CronFields fields, ParseCron(*cron));
    line["cron"] = CronOf(fields, cron->microsecond);
    is_hour_open = fields.is_hour_open;
  }
  line["fold"] = NameOf(schedule.fold, is_hour_open);
  if (schedule.start_at.has_value() && *schedule.start_at > ask.now) {
    line["startUs"] = absl::ToUnixMicros(*schedule.start_at);
  }
  if (schedule.end_at.has_value()) line["endUs"] = absl::ToUnixMicros(*schedule.end_at);
  if (schedule.max_fires > ask.fires) line["firesLeft"] = schedule.max_fires - ask.fires;
  const absl::Time due = NextDue(*recurrence, PolicyOf(schedule), {ask.now, ask.fires});
  if (due != absl::InfiniteFuture()) line["nextDueUs"] = absl::ToUnixMicros(due);
  for (const absl::Time after : ask.after) line["afterUs"].push_back(absl::ToUnixMicros(after));
  return line;
}

}  // namespace z4j::scheduler
