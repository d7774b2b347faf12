#include "services/scheduler/transfer/plan.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/parallel_for.h"
#include "services/scheduler/core/lint.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/validate.h"
#include "services/scheduler/transfer/digest.h"

namespace z4j::scheduler {
namespace {

bool IsFrom(const Schedule& schedule, const SourceInfo& source) {
  return schedule.source.has_value() && schedule.source->kind == source.kind &&
         schedule.source->locator == source.locator;
}

bool HasLabels(const Schedule& schedule, const std::map<std::string, std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    const auto found = schedule.labels.find(label.first);
    return found != schedule.labels.end() && found->second == label.second;
  });
}

const char* Text(ScheduleState state) {
  switch (state) {
    case ScheduleState::kEnabled:
      return "enabled";
    case ScheduleState::kPaused:
      return "paused";
    case ScheduleState::kFinished:
      return "finished";
    case ScheduleState::kQuarantined:
      return "quarantined";
    case ScheduleState::kShadow:
      return "in shadow";
  }
  return "unknown";
}

// Whether both are intervals, and start their grids at different instants although `wanted` says
// where.
bool HasOtherGrid(const Schedule& wanted, const Schedule& stored) {
  const auto* there = std::get_if<IntervalSpec>(&wanted.spec);
  const auto* here = std::get_if<IntervalSpec>(&stored.spec);
  if (there == nullptr || here == nullptr || there->anchor == absl::InfinitePast()) return false;
  return there->period == here->period && there->anchor != AnchorOf(*here, stored);
}

// What is worth knowing about a schedule that is here already.
std::vector<Note> NotesOn(const Definition& definition, const Schedule& stored, bool overwrite) {
  std::vector<Note> notes;
  const bool is_off_there = definition.schedule.state == ScheduleState::kPaused;
  const bool is_off_here = stored.state != ScheduleState::kEnabled;
  if (is_off_there != is_off_here && definition.schedule.state != stored.state) {
    notes.push_back({"STATE_DIFFERS",
                     absl::StrCat(is_off_there ? "disabled" : "enabled", " in the source, ",
                                  Text(stored.state), " here: an import leaves that as it is")});
  }
  if (HasOtherGrid(definition.schedule, stored) && !overwrite) {
    notes.push_back({"GRID_KEPT",
                     "the source counts its interval from another instant by now; the grid here "
                     "stays (--overwrite takes the source's)"});
  }
  return notes;
}

// What becomes of a definition whose name is taken by `stored`.
void PlanStored(const SourceInfo& source, const Definition& definition, const Schedule& stored,
                const ImportPolicy& policy, PlannedSchedule& plan) {
  plan.notes = NotesOn(definition, stored, policy.overwrite);
  const std::string& wanted = definition.schedule.source->digest;
  const std::string here = DefinitionDigest(stored);
  const bool same = wanted == here;
  const bool is_alike = same && HasLabels(stored, definition.schedule.labels) &&
                        !(policy.overwrite && HasOtherGrid(definition.schedule, stored));
  if (!IsFrom(stored, source) && source.kind == kOwnKind && is_alike) {
    plan.action = ImportAction::kUnchanged;  // The very schedule that was exported, or its twin.
  } else if (!IsFrom(stored, source)) {
    plan.why = stored.source.has_value()
                   ? absl::StrCat("the name belongs to a schedule imported from ",
                                  stored.source->kind, " ", stored.source->locator)
                   : "the name belongs to a schedule that was made here";
    plan.action = ImportAction::kConflict;
  } else if (here != stored.source->digest && !same) {
    plan.why = stored.source->digest == wanted ? "edited here since the import"
                                               : "edited here since the import, and changed there";
    plan.action = ImportAction::kConflict;
  } else if (is_alike && stored.source->digest == wanted) {
    plan.action = ImportAction::kUnchanged;
  } else {
    plan.action = ImportAction::kUpdate;
    if (same) plan.why = "its labels, its grid, or where it came from";
  }
  if (plan.action == ImportAction::kConflict && policy.overwrite) {
    plan.action = ImportAction::kUpdate;
  }
}

Note NoteOf(const LintNote& lint) {
  return {lint.code, absl::StrCat(lint.field, ": ", lint.message, "; ", lint.fix)};
}

bool IsWritten(ImportAction action) {
  return action == ImportAction::kCreate || action == ImportAction::kUpdate;
}

std::string FaultsOf(const absl::Status& status) {
  std::string text;
  for (const FieldViolation& fault : FieldViolationsOf(status)) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", fault.field, ": ", fault.description);
  }
  return text.empty() ? std::string(status.message()) : text;
}

// What becomes of a definition, of which the source has only one by that name; `stored`: what has
// its name here, null for nothing.
void Decide(const SourceInfo& source, const Definition& definition, const Schedule* stored,
            const ImportPolicy& policy, absl::Time now, PlannedSchedule& plan) {
  const absl::Status valid = ValidateSchedule(definition.schedule, now);
  if (definition.finished) {
    plan.action = ImportAction::kFinished;
  } else if (!valid.ok()) {
    plan.action = ImportAction::kRefused;
    plan.why = FaultsOf(valid);
  } else if (stored != nullptr) {
    PlanStored(source, definition, *stored, policy, plan);
  }
  if (!IsWritten(plan.action)) return;
  for (const LintNote& lint : Lint(definition.schedule, now)) plan.notes.push_back(NoteOf(lint));
}

}  // namespace

const char* Name(ImportAction action) {
  switch (action) {
    case ImportAction::kCreate:
      return "create";
    case ImportAction::kUpdate:
      return "update";
    case ImportAction::kUnchanged:
      return "unchanged";
    case ImportAction::kConflict:
      return "conflict";
    case ImportAction::kGone:
      return "gone";
    case ImportAction::kRefused:
      return "refused";
    case ImportAction::kFinished:
      return "finished";
  }
  return "unknown";
}

bool IsWanted(const std::string& name, const std::string& only) {
  return only.empty() || fnmatch(only.c_str(), name.c_str(), 0) == 0;
}

Schedule MergedSchedule(const Schedule& definition, const Schedule& stored, bool overwrite) {
  Schedule merged = definition;
  merged.labels.insert(stored.labels.begin(), stored.labels.end());
  if (!overwrite && HasOtherGrid(definition, stored)) {
    std::get<IntervalSpec>(merged.spec).anchor =
        AnchorOf(std::get<IntervalSpec>(stored.spec), stored);
  }
  return merged;
}

std::vector<PlannedSchedule> PlanImport(const SourceInfo& source,
                                        absl::Span<const Definition* const> definitions,
                                        absl::Span<const Refusal> refusals,
                                        absl::Span<const Schedule> stored,
                                        const ImportPolicy& policy, absl::Time now) {
  absl::flat_hash_map<std::string, int> by_name;
  for (int i = 0; i < stored.size(); ++i) by_name[stored[i].name] = i;
  std::set<std::string> present, keys;  // Names and keys that the source has.
  for (const Refusal& refusal : refusals) {
    keys.insert(refusal.key.empty() ? refusal.object : refusal.key);
  }

  std::vector<PlannedSchedule> plans;
  for (int i = 0; i < definitions.size(); ++i) {
    const std::string& name = definitions[i]->schedule.name;
    PlannedSchedule plan;
    if (!present.insert(name).second) {
      plan.action = ImportAction::kRefused;
      plan.why = "another definition of this source has the same id";
    }
    if (!IsWanted(name, policy.only)) continue;
    plan.definition = i;
    if (const auto found = by_name.find(name); found != by_name.end()) plan.stored = found->second;
    plans.push_back(std::move(plan));
  }
  ParallelFor(plans.size(), [&](int i) {
    PlannedSchedule& plan = plans[i];
    if (plan.action == ImportAction::kRefused) return;
    const Schedule* here = plan.stored < 0 ? nullptr : &stored[plan.stored];
    Decide(source, *definitions[plan.definition], here, policy, now, plan);
  });
  for (int i = 0; i < stored.size(); ++i) {
    if (!IsFrom(stored[i], source) || !IsWanted(stored[i].name, policy.only)) continue;
    if (present.contains(stored[i].name) || keys.contains(stored[i].source->key)) continue;
    PlannedSchedule plan{ImportAction::kGone};
    plan.stored = i;
    if (DefinitionDigest(stored[i]) != stored[i].source->digest) {
      plan.why = "edited here since the import";
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<Note> NotesTogether(absl::Span<const Definition* const> definitions,
                                absl::Span<const PlannedSchedule> plans, absl::Time now) {
  std::vector<const Schedule*> here;
  bool is_any_written = false;
  for (const PlannedSchedule& plan : plans) {
    is_any_written = is_any_written || IsWritten(plan.action);
    if (IsWritten(plan.action) || plan.action == ImportAction::kUnchanged) {
      here.push_back(&definitions[plan.definition]->schedule);
    }
  }
  std::vector<Note> notes;
  if (!is_any_written) return notes;
  for (const LintNote& lint : LintTogether(here, now)) notes.push_back(NoteOf(lint));
  return notes;
}

}  // namespace z4j::scheduler
