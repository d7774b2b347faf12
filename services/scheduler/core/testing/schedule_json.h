#ifndef Z4J_SCHEDULER_CORE_TESTING_SCHEDULE_JSON_H_
#define Z4J_SCHEDULER_CORE_TESTING_SCHEDULE_JSON_H_

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "services/scheduler/core/civil_text.h"
#include "services/scheduler/core/schedule.h"

// A schedule from the JSON form of its message, for the probes, which see no proto: what decides
// when it is due, as recurrence_probe_main.cc lists it.  Throws std::exception on anything else.
namespace z4j::scheduler {

using Json = nlohmann::json;

// "dayOfMonth" of "day_of_month".
inline std::string CamelCase(const std::string& name) {
  std::string camel;
  for (size_t i = 0; i < name.size(); ++i) {
    camel += name[i] == '_' && i + 1 < name.size() ? absl::ascii_toupper(name[++i]) : name[i];
  }
  return camel;
}

// The keys of one object, each to be taken; Done() throws on those that were not.
class JsonFields {
 public:
  JsonFields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object.is_object()) throw std::invalid_argument(path_ + " is no object");
  }

  std::string Text(const char* key) { return Take(key, Json("")).get<std::string>(); }
  // A number, or a text of digits, as the JSON form has int64.
  int64_t Int(const char* key) {
    const Json value = Take(key, Json(0));
    int64_t number = 0;
    if (value.is_number_integer()) return value.get<int64_t>();
    if (!value.is_string() || !absl::SimpleAtoi(value.get<std::string>(), &number)) Throw(key);
    return number;
  }
  double Real(const char* key) { return Take(key, Json(0.0)).get<double>(); }
  absl::Duration Duration(const char* key) {  // "1.5s"
    const std::string text = Text(key);
    absl::Duration duration;
    if (!text.empty() && !absl::ParseDuration(text, &duration)) Throw(key);
    return duration;
  }
  absl::Time Time(const char* key, absl::Time otherwise) {
    const std::string text = Text(key);
    absl::Time time = otherwise;
    if (!text.empty() && !absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) Throw(key);
    return time;
  }
  // The place of the value among `names`, counted from 1; 1 if it is not given.
  template <typename Enum>
  Enum Word(const char* key, const char* prefix, std::initializer_list<const char*> names,
            int first = 1) {
    const std::string text = Text(key);
    int number = first;
    for (const char* name : names) {
      if (text.empty() || text == name || text == absl::StrCat(prefix, name)) {
        return static_cast<Enum>(number);
      }
      ++number;
    }
    Throw(key);
  }
  void Done() const {
    for (const auto& [key, value] : object_.items()) {
      if (!absl::StrContains(taken_, absl::StrCat(" ", key, " "))) Throw(key);
    }
  }

 private:
  Json Take(const char* key, const Json& otherwise) {
    absl::StrAppend(&taken_, " ", key, " ");
    return object_.value(key, otherwise);
  }
  [[noreturn]] void Throw(const std::string& key) const {
    throw std::invalid_argument(absl::StrCat(path_, ".", key, " is not understood"));
  }

  const Json& object_;
  const std::string path_;
  std::string taken_;
};

inline CronSpec CronFromJson(JsonFields json) {
  CronSpec cron;
  cron.expression = json.Text("expression");
  cron.second = json.Text("second");
  cron.minute = json.Text("minute");
  cron.hour = json.Text("hour");
  cron.day_of_month = json.Text("dayOfMonth");
  cron.month = json.Text("month");
  cron.day_of_week = json.Text("dayOfWeek");
  cron.year = json.Text("year");
  cron.iso_week = json.Text("isoWeek");
  cron.day_match = json.Word<DayMatch>("dayMatch", "DAY_MATCH_", {"OR", "AND"});
  cron.microsecond = static_cast<int>(json.Int("microsecond"));
  json.Done();
  return cron;
}

inline IntervalSpec IntervalFromJson(JsonFields json) {
  IntervalSpec interval;
  interval.period = json.Duration("period");
  interval.anchor = json.Time("anchorTime", absl::InfinitePast());
  interval.arithmetic = json.Word<Arithmetic>("arithmetic", "ARITHMETIC_", {"ABSOLUTE", "WALL"});
  json.Done();
  return interval;
}

inline CalendarIntervalSpec CalendarFromJson(JsonFields json) {
  CalendarIntervalSpec calendar;
  calendar.years = static_cast<int>(json.Int("years"));
  calendar.months = static_cast<int>(json.Int("months"));
  calendar.weeks = static_cast<int>(json.Int("weeks"));
  calendar.days = static_cast<int>(json.Int("days"));
  const std::string at = json.Text("atTime");
  const auto second = ParseTimeOfDay(at.empty() ? "00:00" : at);
  const auto date = ParseDate(json.Text("startDate"));
  if (!second.has_value()) throw std::invalid_argument("atTime is not HH:MM or HH:MM:SS");
  if (!date.has_value()) throw std::invalid_argument("startDate is not YYYY-MM-DD");
  calendar.at_second = *second;
  calendar.start_date = *date;
  json.Done();
  return calendar;
}

inline SolarSpec SolarFromJson(JsonFields json) {
  SolarSpec solar;
  solar.event = json.Word<SolarEvent>(
      "event", "EVENT_",
      {"DAWN_ASTRONOMICAL", "DAWN_NAUTICAL", "DAWN_CIVIL", "SUNRISE", "SOLAR_NOON", "SUNSET",
       "DUSK_CIVIL", "DUSK_NAUTICAL", "DUSK_ASTRONOMICAL", "SOLAR_MIDNIGHT"});
  solar.latitude = json.Real("latitude");
  solar.longitude = json.Real("longitude");
  solar.offset = json.Duration("offset");
  json.Done();
  return solar;
}

inline Spec SpecFromJson(const Json& spec) {
  if (!spec.is_object() || spec.size() != 1) {
    throw std::invalid_argument("spec is not one of cron, interval, calendarInterval, …");
  }
  const std::string kind = spec.items().begin().key();
  JsonFields fields(spec.at(kind), "spec." + kind);
  if (kind == "cron") return CronFromJson(std::move(fields));
  if (kind == "interval") return IntervalFromJson(std::move(fields));
  if (kind == "calendarInterval") return CalendarFromJson(std::move(fields));
  if (kind == "solar") return SolarFromJson(std::move(fields));
  if (kind == "oneShot") return OneShotSpec{fields.Time("fireTime", absl::InfiniteFuture())};
  throw std::invalid_argument("spec." + kind + " is no kind of schedule");
}

inline Schedule ScheduleFromJson(const Json& json) {
  JsonFields fields(json, "schedule");
  Schedule schedule;
  schedule.spec = SpecFromJson(json.at("spec"));
  if (const std::string zone = fields.Text("timeZone"); !zone.empty()) schedule.time_zone = zone;
  schedule.gap = fields.Word<GapPolicy>("gap", "GAP_POLICY_", {"NEXT_VALID", "SHIFT", "SKIP"});
  schedule.fold =
      fields.Word<FoldPolicy>("fold", "FOLD_POLICY_", {"AUTO", "FIRST", "SECOND", "BOTH"}, 0);
  if (json.contains("startTime")) {
    schedule.start_at = fields.Time("startTime", absl::InfinitePast());
  }
  if (json.contains("endTime")) schedule.end_at = fields.Time("endTime", absl::InfiniteFuture());
  schedule.max_fires = fields.Int("maxFires");
  schedule.created_at = fields.Time("createTime", absl::InfinitePast());
  return schedule;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_TESTING_SCHEDULE_JSON_H_
