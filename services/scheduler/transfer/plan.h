#ifndef Z4J_SCHEDULER_TRANSFER_PLAN_H_
#define Z4J_SCHEDULER_TRANSFER_PLAN_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/transfer/definition.h"

// What an import would do: what a source has, held against what is stored here.
namespace z4j::scheduler {

enum class ImportAction : uint8_t {
  kCreate = 1,
  kUpdate,     // It changed in the source; here nobody touched it.
  kUnchanged,  // Nothing to do.
  kConflict,   // It was edited here, or its name belongs to something else: kept as it is.
  kGone,       // It is here, and no longer in the source.
  kRefused,    // It cannot be a schedule here.
  kFinished,   // It will never fire again: nothing to create.
};

// "create", …
const char* Name(ImportAction action);

struct PlannedSchedule {
  ImportAction action = ImportAction::kCreate;
  int definition = -1;           // Index into the definitions; -1: none (kGone).
  int stored = -1;               // Index into the stored schedules; -1: none.
  std::string why = {};          // For people; empty where the action says it all.
  std::vector<Note> notes = {};  // About what is here; the definition has its own.
};

struct ImportPolicy {
  bool overwrite = false;  // Conflicts become updates.
  std::string only = {};   // Only ids that match this shell pattern; empty: all.
};

// What is new or changed carries the notes of Lint: exact, and probably not meant.
//
// One line for each definition, in their order, then one for each stored schedule of `source`
// (kind and locator) that it no longer has.  `stored` holds at least those schedules of the project
// that came from `source` or have the name of a definition.  What a source has and we refuse is not
// gone: its reader may learn to read it.  Pure.
//
// Whether something was edited here is told by the digest that the import left: a schedule whose
// digest is another now was.  State, pause and labels do not count, and neither does the anchor of
// an interval: a grid that is here stays unless the definition is overwritten.
std::vector<PlannedSchedule> PlanImport(const SourceInfo& source,
                                        absl::Span<const Definition* const> definitions,
                                        absl::Span<const Refusal> refusals,
                                        absl::Span<const Schedule> stored,
                                        const ImportPolicy& policy, absl::Time now);

// What Lint says of the definitions together, as `plans` have them here from now on; nothing if
// they change nothing.  Pure.
std::vector<Note> NotesTogether(absl::Span<const Definition* const> definitions,
                                absl::Span<const PlannedSchedule> plans, absl::Time now);

// What an update of `stored` to `definition` writes: the definition, with the labels of both (the
// definition's win), and the grid of `stored` if both are intervals of the same period and
// `overwrite` is off.  State and pause are not for an update to change.  Pure.
Schedule MergedSchedule(const Schedule& definition, const Schedule& stored, bool overwrite);

// Whether `name` matches the shell pattern `only` ("report-*"); an empty one matches all.
bool IsWanted(const std::string& name, const std::string& only);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_PLAN_H_
