// What an import comes to: counts, notes and the exit code, whatever the form in which it is told.
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/scheduler/cli/import_report.h"

namespace z4j::scheduler {
namespace {

void CountExactness(Exactness exactness, ImportTotals& totals) {
  if (exactness == Exactness::kExact) ++totals.exact;
  if (exactness == Exactness::kEqualSet) ++totals.equal_set;
  if (exactness == Exactness::kApproximate) ++totals.approximate;
}

void CountProof(const ReadSchedule& schedule, ImportTotals& totals) {
  if (!schedule.proof.has_value()) {
    ++totals.unproved;
    return;
  }
  ++(schedule.proof->is_identical() ? totals.proved : totals.differing);
  totals.fires_compared += schedule.proof->compared;
}

}  // namespace

ImportTotals TotalsOf(const ImportOutcome& outcome) {
  ImportTotals totals;
  totals.refused = static_cast<int>(outcome.reading.refusals.size());
  for (int i = 0; i < outcome.plans.size(); ++i) {
    const PlannedSchedule& plan = outcome.plans[i];
    ++totals.planned[plan.action];
    if (plan.action == ImportAction::kRefused) ++totals.refused;
    if (outcome.is_applied && outcome.written[i].tried) {
      ++(outcome.written[i].status.ok() ? totals.written : totals.failed);
    }
    if (plan.definition < 0) continue;
    const ReadSchedule& schedule = outcome.reading.schedules[plan.definition];
    if (plan.action == ImportAction::kRefused || plan.action == ImportAction::kFinished) continue;
    CountExactness(schedule.definition.exactness, totals);
    if (outcome.is_proved && schedule.leads) CountProof(schedule, totals);
  }
  return totals;
}

int ExitCodeOf(const ImportTotals& totals) {
  if (totals.failed > 0) return kExitPartial;
  const auto conflicts = totals.planned.find(ImportAction::kConflict);
  const bool is_clean = totals.refused == 0 && totals.approximate == 0 && totals.differing == 0 &&
                        conflicts == totals.planned.end();
  return is_clean ? kExitOk : kExitFailure;
}

std::vector<absl::Time> FiresHere(const ImportOutcome& outcome, const ReadSchedule& schedule) {
  if (schedule.definition.finished) return {};
  const auto fires =
      NextFires({schedule.definition.schedule}, outcome.reading.source.fires_after, kFiresShown);
  return fires.ok() ? *fires : std::vector<absl::Time>();
}

std::vector<Note> NotesOf(const ImportOutcome& outcome, int index) {
  const PlannedSchedule& plan = outcome.plans[index];
  std::vector<Note> notes;
  if (plan.definition >= 0) {
    const ReadSchedule& schedule = outcome.reading.schedules[plan.definition];
    notes = schedule.definition.reasons;
    const std::vector<Note>& warnings = schedule.definition.warnings;
    notes.insert(notes.end(), warnings.begin(), warnings.end());
    if (outcome.is_proved && !schedule.unproved.empty() && !schedule.definition.finished) {
      notes.push_back({"NOT_PROVED", schedule.unproved});
    }
  }
  notes.insert(notes.end(), plan.notes.begin(), plan.notes.end());
  if (outcome.is_applied) {
    for (const std::string& note : outcome.written[index].notes) notes.push_back({"NOTE", note});
  }
  return notes;
}

std::vector<Refusal> RefusalsOf(const ImportOutcome& outcome) {
  std::vector<Refusal> refusals = outcome.reading.refusals;
  for (const PlannedSchedule& plan : outcome.plans) {
    if (plan.action != ImportAction::kRefused) continue;
    const Schedule& schedule = outcome.reading.schedules[plan.definition].definition.schedule;
    refusals.push_back({schedule.name, "NOT_VALID", plan.why, "change the definition in the source",
                        schedule.source->key});
  }
  return refusals;
}

std::vector<Note> TzdataNotes(const ImportOutcome& outcome) {
  std::vector<Note> notes;
  const std::string there = TzdataRelease(outcome.reading.source.tzdata);
  const std::string here = TzdataRelease(outcome.tzdata);
  const std::string node = TzdataRelease(outcome.stored.tzdata);
  if (outcome.reading.zones.has_value()) {
    for (const auto& [zone, rules] : *outcome.reading.zones) {
      const std::optional<std::string> other = FirstOtherRule(zone, rules);
      if (!other.has_value()) continue;
      notes.push_back(
          {"ZONE_RULES",
           absl::StrCat("the source (tzdata ", there, ") has other rules ", "than this program (",
                        here, ") for ", *other, "; set TZDIR to a folder with the newer ones")});
    }
  } else if (there != here) {
    notes.push_back(
        {"TZDATA", absl::StrCat("the source has the time zone rules of ",
                                there.empty() ? "an unknown release" : there,
                                ", this program those of ", here,
                                ": a zone whose rules changed in between may differ; set "
                                "TZDIR to a folder with the newer ones")});
  }
  if (node != here) {
    notes.push_back({"TZDATA", absl::StrCat("the scheduler has the time zone rules of ", node,
                                            ", this program those of ", here,
                                            ": what is proved here holds there only for zones that "
                                            "did not change; set TZDIR there or here")});
  }
  return notes;
}

std::vector<Note> WarningsOf(const ImportOutcome& outcome) {
  std::vector<Note> notes = outcome.together;
  const std::vector<Note> tzdata = TzdataNotes(outcome);
  notes.insert(notes.end(), tzdata.begin(), tzdata.end());
  return notes;
}

const char* Name(Exactness exactness) {
  switch (exactness) {
    case Exactness::kExact:
      return "exact";
    case Exactness::kEqualSet:
      return "equal set";
    case Exactness::kApproximate:
      return "approximate";
  }
  return "unknown";
}

std::string KindOf(const Schedule& schedule) {
  constexpr const char* kKinds[] = {"cron", "interval", "one-shot", "solar", "calendar"};
  return kKinds[schedule.spec.index()];
}

}  // namespace z4j::scheduler
