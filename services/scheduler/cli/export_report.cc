#include "services/scheduler/cli/export_report.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/base/cli/command.h"
#include "services/scheduler/cli/import_report.h"
#include "services/scheduler/cli/transfer_text.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

// While it lives, what is printed goes to standard error.
class AsidePrinting {
 public:
  AsidePrinting() : before_(std::cout.rdbuf(std::cerr.rdbuf())) {}
  ~AsidePrinting() { std::cout.rdbuf(before_); }

 private:
  std::streambuf* const before_;
};

const Schedule& ScheduleOf(const ExportOutcome& outcome, const ExportedSchedule& one) {
  return outcome.given[one.index].schedule;
}

void PrintNotes(const ExportOutcome& outcome) {
  bool is_first = true;
  for (const ExportedSchedule& one : outcome.exported.schedules) {
    if (one.notes.empty()) continue;
    if (std::exchange(is_first, false)) std::cout << "\nTo be known:\n";
    std::cout << "  " << ScheduleOf(outcome, one).name << "\n";
    for (const Note& note : one.notes) std::cout << "    " << RemarkOf(note) << "\n";
  }
}

std::string TotalsText(const ExportOutcome& outcome, const ExportTotals& totals) {
  const TargetInfo& target = outcome.exported.target;
  std::string text = absl::StrCat(totals.exported, " exported, ", totals.refused, " refused; for ",
                                  target.kind, target.version.empty() ? "" : " ", target.version);
  if (!target.zone.empty()) {
    absl::StrAppend(&text, "\nthe zone of all crons there: ", target.zone,
                    ", the most frequent one here; --timezone chooses another");
  }
  if (outcome.is_proved) {
    absl::StrAppend(&text, "\nproof: ", totals.identical, " identical, ", totals.unproved,
                    " not proved; ", totals.fires_compared, " fires compared; tzdata ",
                    TzdataRelease(target.tzdata), " there, ", TzdataRelease(outcome.tzdata),
                    " here");
  }
  if (!IsWritten(outcome)) {
    absl::StrAppend(&text, "\nnothing was written");
  } else if (!outcome.file.empty()) {
    absl::StrAppend(&text, "\nwritten: ", outcome.file);
  }
  return text;
}

Json DocumentOf(const ExportOutcome& outcome) {
  const TargetInfo& target = outcome.exported.target;
  const ExportTotals totals = TotalsOf(outcome);
  Json json = {
      {"target",
       {{"kind", target.kind}, {"version", target.version}, {"libraries", target.libraries}}},
      {"tzdata",
       {{"target", TzdataRelease(target.tzdata)}, {"here", TzdataRelease(outcome.tzdata)}}},
      {"file", outcome.file},
      {"written", IsWritten(outcome)},
      {"schedules", Json::array()},
      {"refused", JsonOf(outcome.exported.refusals)},
      {"totals",
       {{"exported", totals.exported},
        {"refused", totals.refused},
        {"identical", totals.identical},
        {"notProved", totals.unproved},
        {"firesCompared", totals.fires_compared}}}};
  if (!target.zone.empty()) json["target"]["zone"] = target.zone;
  for (const ExportedSchedule& one : outcome.exported.schedules) {
    const Schedule& schedule = ScheduleOf(outcome, one);
    Json item = {{"id", schedule.name},
                 {"kind", KindOf(schedule)},
                 {"keys", one.keys},
                 {"becomes", one.becomes},
                 {"notes", JsonOf(one.notes)}};
    if (one.proof.has_value()) item["proof"] = JsonOf(*one.proof, schedule.time_zone, "target");
    json["schedules"].push_back(std::move(item));
  }
  return json;
}

void Print(const OutputOptions& options, const ExportOutcome& outcome) {
  if (options.output != "table") return PrintValue(options, DocumentOf(outcome));
  std::vector<Row> rows;
  for (const ExportedSchedule& one : outcome.exported.schedules) {
    const Schedule& schedule = ScheduleOf(outcome, one);
    rows.push_back({Cut(schedule.name), KindOf(schedule), Cut(one.becomes),
                    one.proof.has_value() ? ProofText(*one.proof) : "-"});
  }
  if (!rows.empty()) PrintTable({"NAME", "KIND", "BECOMES", "PROOF"}, rows);
  PrintNotes(outcome);
  PrintRefusals(outcome.exported.refusals);
  std::cout << "\n" << TotalsText(outcome, TotalsOf(outcome)) << "\n";
}

}  // namespace

ExportTotals TotalsOf(const ExportOutcome& outcome) {
  ExportTotals totals;
  totals.exported = static_cast<int>(outcome.exported.schedules.size());
  totals.refused = static_cast<int>(outcome.exported.refusals.size());
  for (const ExportedSchedule& one : outcome.exported.schedules) {
    ++(one.proof.has_value() ? totals.identical : totals.unproved);
    if (one.proof.has_value()) totals.fires_compared += one.proof->compared;
  }
  return totals;
}

bool IsWritten(const ExportOutcome& outcome) { return !outcome.exported.schedules.empty(); }

int ExitCodeOf(const ExportTotals& totals) { return totals.refused == 0 ? kExitOk : kExitFailure; }

void PrintExport(const OutputOptions& options, const ExportOutcome& outcome) {
  if (!outcome.file.empty()) return Print(options, outcome);
  const AsidePrinting aside;
  Print(options, outcome);
}

}  // namespace z4j::scheduler
