#include "services/scheduler/cli/import_report.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/base/field_error.h"
#include "services/base/parallel_for.h"
#include "services/scheduler/cli/transfer_text.h"

namespace z4j::scheduler {
namespace {

// "2026-11-22 05:00, 06:00, 11-23 05:00": each as short as it can be read after the one before.
std::string TimesText(const std::vector<absl::Time>& times) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  std::vector<std::string> texts;
  absl::CivilDay day;
  for (const absl::Time time : times) {
    const absl::CivilDay today = absl::ToCivilDay(time, utc);
    const bool is_minute = absl::ToUnixMicros(time) % 60'000'000 == 0;
    std::string date = today == day ? "" : today.year() == day.year() ? "%m-%d " : "%Y-%m-%d ";
    texts.push_back(absl::FormatTime(date + (is_minute ? "%H:%M" : "%H:%M:%E*S"), time, utc));
    day = today;
  }
  return absl::StrJoin(texts, ", ");
}

std::string ProofText(const ReadSchedule& schedule) {
  return schedule.proof.has_value() ? ProofText(*schedule.proof) : "-";
}

// "create, paused"
std::string PlanText(ImportAction action, const Schedule& schedule) {
  const bool is_new = action == ImportAction::kCreate;
  const char* state = is_new && schedule.state == ScheduleState::kPaused   ? ", paused"
                      : is_new && schedule.state == ScheduleState::kShadow ? ", shadow"
                                                                           : "";
  return absl::StrCat(Name(action), state);
}

Row PlanRow(const ImportOutcome& outcome, const PlannedSchedule& plan) {
  if (plan.definition < 0) {
    const Schedule& stored = outcome.stored.schedules[plan.stored];
    return {Name(plan.action), Cut(stored.name), KindOf(stored), "", "", "", "", ""};
  }
  const ReadSchedule& schedule = outcome.reading.schedules[plan.definition];
  const Definition& definition = schedule.definition;
  const std::vector<absl::Time> here = FiresHere(outcome, schedule);
  std::string there = "-";
  if (definition.fires.has_value()) {
    there = *definition.fires == here ? "the same" : TimesText(*definition.fires);
  }
  return {PlanText(plan.action, definition.schedule),
          Cut(definition.schedule.name),
          KindOf(definition.schedule),
          Cut(definition.becomes),
          Name(definition.exactness),
          outcome.is_proved ? ProofText(schedule) : "-",
          TimesText(here),
          there};
}

// Below the table: what is to be looked at, of one line.
std::vector<std::string> RemarksOn(const ImportOutcome& outcome, int index) {
  const PlannedSchedule& plan = outcome.plans[index];
  std::vector<std::string> remarks;
  if (plan.action == ImportAction::kRefused) return remarks;
  if (!plan.why.empty()) {
    const bool is_kept = plan.action == ImportAction::kConflict;
    remarks.push_back(absl::StrCat(Name(plan.action), ": ", plan.why,
                                   is_kept ? "; kept (--overwrite replaces it)" : ""));
  }
  if (plan.definition >= 0) {
    const ReadSchedule& schedule = outcome.reading.schedules[plan.definition];
    if (schedule.proof.has_value() && !schedule.proof->is_identical()) {
      const std::string& zone = schedule.definition.schedule.time_zone;
      remarks.push_back("differs: " + DifferenceText(schedule.proof->differ[0], zone));
    }
  }
  for (const Note& note : NotesOf(outcome, index)) {
    remarks.push_back(RemarkOf(note));
  }
  return remarks;
}

std::string NameOf(const ImportOutcome& outcome, const PlannedSchedule& plan) {
  return plan.definition >= 0 ? outcome.reading.schedules[plan.definition].definition.schedule.name
                              : outcome.stored.schedules[plan.stored].name;
}

void PrintRemarks(const ImportOutcome& outcome) {
  bool is_first = true;
  for (int i = 0; i < outcome.plans.size(); ++i) {
    const std::vector<std::string> remarks = RemarksOn(outcome, i);
    if (remarks.empty()) continue;
    if (std::exchange(is_first, false)) std::cout << "\nTo be known:\n";
    std::cout << "  " << NameOf(outcome, outcome.plans[i]) << "\n";
    for (const std::string& remark : remarks) std::cout << "    " << remark << "\n";
  }
}

void PrintFailures(const ImportOutcome& outcome) {
  bool is_first = true;
  for (int i = 0; outcome.is_applied && i < outcome.plans.size(); ++i) {
    const absl::Status& status = outcome.written[i].status;
    if (status.ok()) continue;
    if (std::exchange(is_first, false)) std::cout << "\nNot written:\n";
    std::cout << "  " << NameOf(outcome, outcome.plans[i]) << "  " << status.message() << "\n";
  }
}

std::string TotalsText(const ImportOutcome& outcome, const ImportTotals& totals) {
  std::vector<std::string> parts;
  for (const auto& [action, count] : totals.planned) {
    if (action != ImportAction::kRefused) parts.push_back(absl::StrCat(count, " ", Name(action)));
  }
  if (totals.refused > 0) parts.push_back(absl::StrCat(totals.refused, " refused"));
  if (parts.empty()) parts.push_back("the source has no schedules");
  std::string text =
      absl::StrCat(absl::StrJoin(parts, ", "), "; ", totals.exact, " exact, ", totals.equal_set,
                   " equal set, ", totals.approximate, " approximate");
  if (outcome.is_proved) {
    absl::StrAppend(&text, "\nproof: ", totals.proved, " identical, ", totals.differing,
                    " different, ", totals.unproved, " not proved; ", totals.fires_compared,
                    " fires compared; tzdata ", TzdataRelease(outcome.reading.source.tzdata),
                    " there, ", TzdataRelease(outcome.tzdata), " here, ",
                    TzdataRelease(outcome.stored.tzdata), " in the scheduler");
  }
  if (outcome.is_applied) {
    absl::StrAppend(&text, "\nimport ", outcome.import_id, ": ", totals.written, " written, ",
                    totals.failed, " not, in ",
                    absl::StrFormat("%.1f s", absl::ToDoubleSeconds(outcome.write_took)));
  }
  return text;
}

}  // namespace

void PrintImport(const OutputOptions& options, const ImportOutcome& outcome) {
  if (options.output != "table") return PrintValue(options, ImportJson(outcome));
  std::vector<Row> rows(outcome.plans.size());
  ParallelFor(rows.size(), [&](int i) { rows[i] = PlanRow(outcome, outcome.plans[i]); });
  if (!rows.empty()) {
    PrintTable({"PLAN", "NAME", "KIND", "BECOMES", "EXACTNESS", "PROOF", "NEXT FIRES (UTC)",
                "IN THE SOURCE"},
               rows);
  }
  PrintRemarks(outcome);
  PrintRefusals(RefusalsOf(outcome));
  PrintFailures(outcome);
  std::cout << "\n" << TotalsText(outcome, TotalsOf(outcome)) << "\n";
  for (const Note& note : WarningsOf(outcome)) std::cout << "warning: " << note.message << "\n";
}

}  // namespace z4j::scheduler
