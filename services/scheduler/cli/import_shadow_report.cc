// A shadow run as people and programs are told of it.
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/cli/output.h"
#include "services/scheduler/cli/import_shadow.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

constexpr int kInstantsShown = 5;      // Of one schedule in the table.
constexpr int kInstantsListed = 1000;  // And in the document.

std::string Text(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

struct Totals {
  int64_t matched = 0, missing = 0, extra = 0, not_judged = 0, drifted = 0;
  int idle = 0;  // Schedules of which there was nothing to compare.
  std::vector<absl::Duration> apart;
};

Totals TotalsOf(const ShadowOutcome& outcome) {
  Totals totals;
  for (const ShadowLine& line : outcome.comparison.lines) {
    totals.matched += line.matched;
    totals.missing += static_cast<int64_t>(line.missing.size());
    totals.extra += static_cast<int64_t>(line.extra.size());
    totals.not_judged += line.not_judged;
    totals.drifted += line.drifted;
    totals.apart.insert(totals.apart.end(), line.apart.begin(), line.apart.end());
    if (line.matched == 0 && line.missing.empty() && line.extra.empty()) ++totals.idle;
  }
  return totals;
}

// "+12ms", "-1.204s"
std::string ApartText(const std::vector<absl::Duration>& apart, int percent) {
  if (apart.empty()) return "-";
  const absl::Duration at = ApartAt(apart, percent);
  if (absl::AbsDuration(at) < absl::Seconds(1)) {
    return absl::StrFormat("%+dms", absl::ToInt64Milliseconds(at));
  }
  return absl::StrFormat("%+.3fs", absl::ToDoubleSeconds(at));
}

void PrintInstants(const std::string& name, const char* what,
                   const std::vector<absl::Time>& times) {
  for (int i = 0; i < times.size() && i < kInstantsShown; ++i) {
    std::cout << "  " << name << "  " << what << " " << Text(times[i]) << "\n";
  }
  if (times.size() > kInstantsShown) {
    std::cout << "  " << name << "  and " << times.size() - kInstantsShown << " more (-o json)\n";
  }
}

void PrintDifferences(const ShadowOutcome& outcome, const Totals& totals) {
  if (totals.missing + totals.extra > 0) std::cout << "\nDifferent:\n";
  for (int i = 0; i < outcome.schedules.size(); ++i) {
    const ShadowLine& line = outcome.comparison.lines[i];
    PrintInstants(outcome.schedules[i].name, "missing: due here, no job seen:", line.missing);
    PrintInstants(outcome.schedules[i].name, "extra: job seen, not due here:", line.extra);
  }
}

// What was seen and is held against no schedule.
std::string IgnoredText(const ShadowOutcome& outcome) {
  const ShadowComparison& comparison = outcome.comparison;
  std::string text = absl::StrCat(
      "not compared: ", comparison.unscheduled, " jobs of tasks that are not scheduled, ",
      comparison.other_arguments, " with arguments that no schedule has");
  if (outcome.ours > 0) absl::StrAppend(&text, ", ", outcome.ours, " that this scheduler sent");
  return text;
}

std::string VerdictOf(const Totals& totals) {
  if (totals.missing + totals.extra > 0) return "different";
  return totals.matched > 0 ? "all matched" : "nothing to compare";
}

void PrintTotals(const ShadowOutcome& outcome, const Totals& totals) {
  std::cout << "\n"
            << totals.matched << " matched, " << totals.missing << " missing, " << totals.extra
            << " extra; " << totals.idle << " schedules without anything to compare\n";
  if (totals.drifted > 0) {
    std::cout << totals.drifted
              << " left out there, by intervals that are counted from the last run\n";
  }
  if (totals.not_judged > 0) {
    std::cout << totals.not_judged
              << " unmatched, too near to an end of the watch or to a gap in it to say why\n";
  }
  std::cout << "apart by " << ApartText(totals.apart, 50) << " (p50), "
            << ApartText(totals.apart, 99) << " (p99)\n"
            << IgnoredText(outcome) << "\n";
  const ShadowWindow& window = outcome.window;
  std::cout << "watched " << outcome.watching.watches << " at " << outcome.watching.locator
            << " for "
            << absl::FormatDuration(absl::Trunc(window.end - window.begin, absl::Milliseconds(100)))
            << ", from " << Text(absl::FromUnixSeconds(absl::ToUnixSeconds(window.begin)))
            << (outcome.is_interrupted ? " (ended before its time)" : "") << "\n";
  if (!window.gaps.empty()) std::cout << window.gaps.size() << " gaps in the watch\n";
  std::cout << "verdict: " << VerdictOf(totals) << "\n";
}

void PrintTables(const ShadowOutcome& outcome, const Totals& totals) {
  std::vector<Row> rows;
  for (int i = 0; i < outcome.schedules.size(); ++i) {
    const ShadowLine& line = outcome.comparison.lines[i];
    rows.push_back({outcome.schedules[i].name, outcome.schedules[i].task,
                    absl::StrCat(line.matched), absl::StrCat(line.missing.size()),
                    absl::StrCat(line.extra.size()), ApartText(line.apart, 50),
                    ApartText(line.apart, 99)});
  }
  PrintTable({"SCHEDULE", "TASK", "MATCHED", "MISSING", "EXTRA", "APART P50", "APART P99"}, rows);
  PrintDifferences(outcome, totals);
  PrintTotals(outcome, totals);
}

Json TimesJson(const std::vector<absl::Time>& times) {
  Json list = Json::array();
  for (int i = 0; i < times.size() && i < kInstantsListed; ++i) list.push_back(Text(times[i]));
  return list;
}

void AddApart(const std::vector<absl::Duration>& apart, Json& json) {
  if (apart.empty()) return;
  json["apartP50S"] = absl::ToDoubleSeconds(ApartAt(apart, 50));
  json["apartP99S"] = absl::ToDoubleSeconds(ApartAt(apart, 99));
}

Json LineJson(const ShadowSchedule& schedule, const ShadowLine& line) {
  Json json = {{"id", schedule.name},
               {"task", schedule.task},
               {"matched", line.matched},
               {"missing", line.missing.size()},
               {"extra", line.extra.size()},
               {"drifted", line.drifted},
               {"notJudged", line.not_judged},
               {"missingAt", TimesJson(line.missing)},
               {"extraAt", TimesJson(line.extra)}};
  AddApart(line.apart, json);
  return json;
}

Json DocumentOf(const ShadowOutcome& outcome, const Totals& totals) {
  const ShadowWindow& window = outcome.window;
  Json json = {{"watched",
                {{"what", outcome.watching.watches},
                 {"version", outcome.watching.version},
                 {"locator", outcome.watching.locator},
                 {"from", Text(window.begin)},
                 {"to", Text(window.end)},
                 {"interrupted", outcome.is_interrupted}}},
               {"schedules", Json::array()},
               {"gaps", Json::array()},
               {"warnings", Json::array()},
               {"totals",
                {{"matched", totals.matched},
                 {"missing", totals.missing},
                 {"extra", totals.extra},
                 {"drifted", totals.drifted},
                 {"notJudged", totals.not_judged},
                 {"idle", totals.idle},
                 {"seen", outcome.seen},
                 {"recorded", outcome.recorded},
                 {"unscheduled", outcome.comparison.unscheduled},
                 {"otherArguments", outcome.comparison.other_arguments},
                 {"ours", outcome.ours}}},
               {"verdict", VerdictOf(totals)}};
  AddApart(totals.apart, json["totals"]);
  for (int i = 0; i < outcome.schedules.size(); ++i) {
    json["schedules"].push_back(LineJson(outcome.schedules[i], outcome.comparison.lines[i]));
  }
  for (const TimeSpan& gap : window.gaps) {
    json["gaps"].push_back({{"from", Text(gap.begin)}, {"to", Text(gap.end)}});
  }
  for (const Note& note : outcome.warnings) {
    json["warnings"].push_back({{"code", note.code}, {"message", note.message}});
  }
  return json;
}

}  // namespace

int PrintShadow(const OutputOptions& options, const ShadowOutcome& outcome) {
  const Totals totals = TotalsOf(outcome);
  if (options.output != "table") {
    PrintValue(options, DocumentOf(outcome, totals));
  } else {
    PrintTables(outcome, totals);
  }
  const bool is_well = totals.missing + totals.extra == 0 && totals.matched > 0;
  return is_well ? kExitOk : kExitFailure;
}

}  // namespace z4j::scheduler
