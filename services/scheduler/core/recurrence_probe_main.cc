// Lets tests in other languages ask the evaluator: one JSON object a line on stdin, one on stdout.
//
// A cron, in short:
//
//   {"expr": "0 3 * * *" or "fields": {"hour": "3", …}, "microsecond": 0,
//    "day_match": "OR" | "AND", "zone": "UTC", "gap": "NEXT_VALID" | "SHIFT" | "SKIP",
//    "fold": "AUTO" | "FIRST" | "SECOND" | "BOTH",
//    "after_us": Unix microseconds, "n": how many}
//
// or any schedule as its message is written in JSON (z4j.scheduler.v1.Schedule in lowerCamelCase,
// as an importer writes it):
//
//   {"schedule": {"spec": {"calendarInterval": {"months": 1, "startDate": "2026-01-31"}},
//                 "timeZone": "UTC+05:30", "gap": "GAP_POLICY_SKIP"}, "after_us": …, "n": …}
//
// Of it these count: spec.cron (every field), spec.interval (period, anchorTime, arithmetic),
// spec.calendarInterval (every field), spec.oneShot.fireTime, spec.solar (event, latitude,
// longitude, offset), timeZone, gap, fold, startTime, endTime, maxFires (from the first after
// after_us on) and createTime, where an interval without an anchor begins.  Enums are names, with
// or without their prefix.  Other keys of a spec are an error, others of the schedule are passed
// over.
//
// The answer is {"times_us": […]}, shorter than n if the schedule ends, or {"error": "…"}; with
// "count_to_us": Unix microseconds in the question, it has "count" too: how many due times of the
// spec lie after after_us, up to and with that.
//
// What an exporter is told of a schedule (docs/migrating/lines.md, without type, id and schedule):
//
//   {"export": as "schedule" above, "now_us": …, "fires": so far (0), "after_us": […], "count": n}

#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "absl/time/time.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/testing/schedule_json.h"
#include "services/scheduler/transfer/export_line.h"

namespace z4j::scheduler {
namespace {

Schedule ScheduleIn(const Json& question) {
  if (question.contains("schedule")) return ScheduleFromJson(question["schedule"]);
  Json cron = question.value("fields", Json::object());
  Json renamed = Json::object();
  if (question.contains("expr")) renamed["expression"] = question["expr"];
  for (const auto& [key, value] : cron.items()) renamed[CamelCase(key)] = value;
  renamed["microsecond"] = question.value("microsecond", 0);
  renamed["dayMatch"] = question.value("day_match", "OR");
  return ScheduleFromJson({{"spec", {{"cron", renamed}}},
                           {"timeZone", question.value("zone", "UTC")},
                           {"gap", question.value("gap", "NEXT_VALID")},
                           {"fold", question.value("fold", "AUTO")}});
}

Json Exported(const Json& question) {
  ExportAsk ask = {absl::FromUnixMicros(question.at("now_us").get<int64_t>()),
                   question.value("fires", int64_t{0})};
  ask.count = question.value("count", 0);
  for (const int64_t after : question.value("after_us", Json::array())) {
    ask.after.push_back(absl::FromUnixMicros(after));
  }
  const auto fields = ExportFields(ScheduleFromJson(question["export"]), ask);
  if (!fields.ok()) return {{"error", std::string(fields.status().message())}};
  return *fields;
}

Json Answer(const Json& question) {
  if (question.contains("export")) return Exported(question);
  const Schedule schedule = ScheduleIn(question);
  const auto recurrence = CompileRecurrence(schedule);
  if (!recurrence.ok()) return {{"error", std::string(recurrence.status().message())}};

  const PlanPolicy policy = PolicyOf(schedule);
  const absl::Time after = absl::FromUnixMicros(question.at("after_us").get<int64_t>());
  Json answer = {{"times_us", Json::array()}};
  Cursor cursor = {after, 0};
  for (int n = question.at("n"); n > 0; --n) {
    cursor.watermark = NextDue(**recurrence, policy, cursor);
    if (cursor.watermark == absl::InfiniteFuture()) break;
    ++cursor.fires;
    answer["times_us"].push_back(absl::ToUnixMicros(cursor.watermark));
  }
  if (question.contains("count_to_us")) {
    answer["count"] =
        (*recurrence)
            ->CountBetween(after, absl::FromUnixMicros(question["count_to_us"].get<int64_t>()));
  }
  return answer;
}

}  // namespace
}  // namespace z4j::scheduler

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << z4j::scheduler::Answer(nlohmann::json::parse(line)) << "\n";
    } catch (const std::exception& error) {  // The library throws on a bad question, as we do here.
      std::cout << nlohmann::json{{"error", error.what()}} << "\n";
    }
  }
  return 0;
}
