// Lets tests in other languages ask the evaluator: one JSON object a line on stdin, one on stdout.
//
//   {"expr": "0 3 * * *" or "fields": {"hour": "3", …}, "day_match": "OR" | "AND", "zone": "UTC",
//    "gap": "NEXT_VALID" | "SHIFT" | "SKIP", "fold": "AUTO" | "FIRST" | "SECOND" | "BOTH",
//    "after_us": Unix microseconds, "n": how many}
//
// answers {"times_us": […]}, shorter than n if the spec ends, or {"error": "…"}.

#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

const std::map<std::string, DayMatch> kDayMatches = {{"OR", DayMatch::kOr},
                                                     {"AND", DayMatch::kAnd}};
const std::map<std::string, GapPolicy> kGaps = {{"NEXT_VALID", GapPolicy::kNextValid},
                                                {"SHIFT", GapPolicy::kShift},
                                                {"SKIP", GapPolicy::kSkip}};
const std::map<std::string, FoldPolicy> kFolds = {{"AUTO", FoldPolicy::kAuto},
                                                  {"FIRST", FoldPolicy::kFirst},
                                                  {"SECOND", FoldPolicy::kSecond},
                                                  {"BOTH", FoldPolicy::kBoth}};

Json Answer(const Json& question) {
  CronSpec cron;
  cron.expression = question.value("expr", "");
  const Json fields = question.value("fields", Json::object());
  cron.second = fields.value("second", "");
  cron.minute = fields.value("minute", "");
  cron.hour = fields.value("hour", "");
  cron.day_of_month = fields.value("day_of_month", "");
  cron.month = fields.value("month", "");
  cron.day_of_week = fields.value("day_of_week", "");
  cron.year = fields.value("year", "");
  cron.iso_week = fields.value("iso_week", "");
  cron.day_match = kDayMatches.at(question.value("day_match", "OR"));

  Schedule schedule;
  schedule.spec = cron;
  schedule.time_zone = question.value("zone", "UTC");
  schedule.gap = kGaps.at(question.value("gap", "NEXT_VALID"));
  schedule.fold = kFolds.at(question.value("fold", "AUTO"));
  const auto recurrence = CompileRecurrence(schedule);
  if (!recurrence.ok()) return {{"error", std::string(recurrence.status().message())}};

  Json times = Json::array();
  absl::Time at = absl::FromUnixMicros(question.at("after_us").get<int64_t>());
  for (int n = question.at("n"); n > 0; --n) {
    at = (*recurrence)->NextAfter(at);
    if (at == absl::InfiniteFuture()) break;
    times.push_back(absl::ToUnixMicros(at));
  }
  return {{"times_us", times}};
}

}  // namespace
}  // namespace z4j::scheduler

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << z4j::scheduler::Answer(nlohmann::json::parse(line)) << "\n";
    } catch (const std::exception& error) {  // The library and the maps throw on a bad question.
      std::cout << nlohmann::json{{"error", error.what()}} << "\n";
    }
  }
  return 0;
}
