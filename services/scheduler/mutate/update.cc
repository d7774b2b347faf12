#include "services/scheduler/mutate/update.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/validate.h"

namespace z4j::scheduler {
namespace {

using Copy = void (*)(Schedule& to, const Schedule& from);

// Every field that a user may change, once.
const std::map<std::string, Copy>& Fields() {
#define Z4J_FIELD_AS(proto, name)                                            \
  {                                                                          \
#proto, [](Schedule & to, const Schedule& from) { to.name = from.name; } \
  }
#define Z4J_FIELD(name) Z4J_FIELD_AS(name, name)
  static const auto& fields = *new std::map<std::string, Copy>{
      Z4J_FIELD(description),
      Z4J_FIELD(engine),
      Z4J_FIELD(task),
      Z4J_FIELD(args_json),
      Z4J_FIELD(kwargs_json),
      Z4J_FIELD(queue),
      Z4J_FIELD(priority),
      Z4J_FIELD(expires),
      Z4J_FIELD(engine_options),
      Z4J_FIELD(adapter_labels),
      Z4J_FIELD(affinity_key),
      Z4J_FIELD(spec),
      Z4J_FIELD(time_zone),
      Z4J_FIELD(gap),
      Z4J_FIELD(fold),
      Z4J_FIELD(catch_up),
      Z4J_FIELD(catch_up_window),
      Z4J_FIELD(catch_up_max),
      Z4J_FIELD(overlap),
      Z4J_FIELD_AS(start_time, start_at),
      Z4J_FIELD_AS(end_time, end_at),
      Z4J_FIELD(max_fires),
      Z4J_FIELD(jitter),
      Z4J_FIELD(jitter_mode),
      Z4J_FIELD(retry),
      Z4J_FIELD(run_retry),
      Z4J_FIELD(labels),
      Z4J_FIELD(source),
  };
#undef Z4J_FIELD
#undef Z4J_FIELD_AS
  return fields;
}

absl::Status ApplyMask(const UpdateSchedule& update, Schedule& schedule) {
  const std::map<std::string, Copy>& fields = Fields();
  if (update.mask.empty()) {
    for (const auto& [name, copy] : fields) copy(schedule, update.values);
    return absl::OkStatus();
  }
  for (const std::string& name : update.mask) {
    const auto found = fields.find(name);
    if (found == fields.end()) {
      return FieldError("update_mask",
                        absl::StrCat("'", name, "' is no field that can be updated; these are: ",
                                     absl::StrJoin(MutableFields(), ", ")));
    }
    found->second(schedule, update.values);
  }
  return absl::OkStatus();
}

// The grid of an interval does not shift under an edit that does not say so.
void SettleAnchor(const Schedule& before, absl::Time now, Schedule& after) {
  auto* interval = std::get_if<IntervalSpec>(&after.spec);
  if (interval == nullptr || interval->anchor != absl::InfinitePast()) return;
  const auto* old = std::get_if<IntervalSpec>(&before.spec);
  interval->anchor = old != nullptr ? old->anchor : now;
}

// Whether the two may come due at different times.
bool DueTimesDiffer(const Schedule& a, const Schedule& b) {
  return a.spec != b.spec || a.time_zone != b.time_zone || a.gap != b.gap || a.fold != b.fold ||
         a.start_at != b.start_at || a.end_at != b.end_at || a.max_fires != b.max_fires;
}

}  // namespace

std::vector<std::string> MutableFields() {
  std::vector<std::string> names;
  for (const auto& [name, copy] : Fields()) names.push_back(name);
  return names;
}

absl::StatusOr<Decision> DecideUpdate(const StoredSchedule& current, const UpdateSchedule& update,
                                      const Moment& moment) {
  const Schedule& before = current.schedule;
  RETURN_IF_ERROR(CheckEtag(before, update.etag));
  Schedule edited = before;
  RETURN_IF_ERROR(ApplyMask(update, edited));
  SettleAnchor(before, moment.now, edited);
  RETURN_IF_ERROR(ValidateSchedule(edited, moment.now));
  // An edit of something else is no occasion to refuse what was accepted before.
  std::vector<std::string> notes;
  if (EngineFitDiffers(before, edited)) {
    RETURN_IF_ERROR(CheckFit(edited, moment));
    NoteIfNobodyTakes(edited, moment, notes);
  }

  const bool quarantined = before.state == ScheduleState::kQuarantined;
  StoredSchedule after = current;
  std::vector<Fire> skipped;
  if (quarantined || DueTimesDiffer(before, edited)) {
    // The gap is counted under the old spec: those times were promised by it.
    const FireReason reason = before.state == ScheduleState::kPaused   ? FireReason::kPaused
                              : before.state == ScheduleState::kShadow ? FireReason::kShadow
                                                                       : FireReason::kEdited;
    if (before.state == ScheduleState::kFinished) {
      after.cursor.watermark = std::max(after.cursor.watermark, moment.now);
    } else {
      skipped = LeaveBehind(after, moment.now, reason);
    }
    after.schedule = std::move(edited);
    const bool future = HasFuture(after);
    if (after.schedule.state != ScheduleState::kPaused) {
      const bool shadow = before.state == ScheduleState::kShadow;
      after.schedule.state = !future  ? ScheduleState::kFinished
                             : shadow ? ScheduleState::kShadow
                                      : ScheduleState::kEnabled;
      after.schedule.state_reason.clear();
    }
    if (!future) notes.push_back("it has no due time after now: an edit never fires a past one");
  } else {
    after.schedule = std::move(edited);
  }
  Decision decision = Changed(Decision::Effect::kUpdate, &current, std::move(after),
                              std::move(skipped), "schedule.update", moment);
  decision.result.notes = std::move(notes);
  return decision;
}

}  // namespace z4j::scheduler
