#include "services/scheduler/mutate/pause.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

absl::Status CheckPauseUntil(const char* field, absl::Time until, absl::Time now) {
  if (until > now) return absl::OkStatus();
  return FieldError(field, absl::StrCat(absl::FormatTime(until, absl::UTCTimeZone()),
                                        " is not in the future; leave it out to pause until "
                                        "someone resumes"));
}

absl::StatusOr<Decision> DecidePause(const StoredSchedule& current, const PauseSchedule& pause,
                                     const Caller& caller, const Moment& moment) {
  RETURN_IF_ERROR(CheckPauseUntil("until_time", pause.until, moment.now));
  const std::string fault = CheckText(pause.reason, 0, kDescriptionCharsMax, TextShape::kProse);
  if (!fault.empty()) return FieldError("reason", absl::StrCat(Quoted(pause.reason), " ", fault));
  StoredSchedule after = current;
  Schedule& schedule = after.schedule;
  if (schedule.state == ScheduleState::kFinished || schedule.state == ScheduleState::kQuarantined) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", ResourceName(pause.key), "' is ",
                     schedule.state == ScheduleState::kFinished ? "finished" : "quarantined",
                     " and does not fire; there is nothing to pause"));
  }
  const bool shadow = schedule.state == ScheduleState::kShadow;
  if (shadow && pause.until != absl::InfiniteFuture()) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", ResourceName(pause.key),
                     "' is in shadow, and would fire when a pause ends by itself; leave until_time "
                     "out, or resume it first"));
  }
  std::vector<Fire> skipped =
      LeaveBehind(after, moment.now, shadow ? FireReason::kShadow : FireReason::kPaused);
  const absl::Time since = schedule.pause.has_value() ? schedule.pause->since : moment.now;
  schedule.state = ScheduleState::kPaused;
  schedule.pause = Pause{pause.reason, caller.actor, since, pause.until};
  return Changed(Decision::Effect::kUpdate, &current, std::move(after), std::move(skipped),
                 "schedule.pause", moment);
}

absl::StatusOr<Decision> DecideResume(const StoredSchedule& current, const ResumeSchedule& resume,
                                      const Moment& moment) {
  StoredSchedule after = current;
  Schedule& schedule = after.schedule;
  absl::Time until = moment.now;
  if (resume.if_expired && (!schedule.pause.has_value() || schedule.pause->until > moment.now)) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", ResourceName(resume.key), "' is not at the end of a pause"));
  }
  const bool shadow = schedule.state == ScheduleState::kShadow;
  if (schedule.state == ScheduleState::kPaused) {
    // A pause that ended by itself swallows nothing that came due after its end.
    if (schedule.pause.has_value()) until = std::min(until, schedule.pause->until);
  } else if (!shadow && schedule.state != ScheduleState::kQuarantined) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", ResourceName(resume.key), "' is neither paused nor in shadow"));
  }
  if (const auto recurrence = CompileRecurrence(schedule); !recurrence.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", ResourceName(resume.key), "' cannot be computed: ", recurrence.status().message(),
        "; update it instead"));
  }
  std::vector<Fire> skipped = shadow ? LeaveBehind(after, moment.now, FireReason::kShadow)
                                     : CloseGap(after, until, FireReason::kPaused, moment.now);
  schedule.state = ScheduleState::kEnabled;
  schedule.pause.reset();
  schedule.state_reason.clear();
  return Changed(Decision::Effect::kUpdate, &current, std::move(after), std::move(skipped),
                 "schedule.resume", moment);
}

absl::StatusOr<Decision> DecideShadow(const StoredSchedule& current, const ShadowSchedule& shadow,
                                      const Moment& moment) {
  StoredSchedule after = current;
  Schedule& schedule = after.schedule;
  if (schedule.state == ScheduleState::kShadow) {
    Decision decision;
    decision.result.schedule = std::move(after);
    return decision;
  }
  if (schedule.state == ScheduleState::kFinished || schedule.state == ScheduleState::kQuarantined) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", ResourceName(shadow.key), "' ",
        schedule.state == ScheduleState::kFinished ? "is finished: it has no due times to record"
                                                   : "cannot be computed; update it first"));
  }
  std::vector<Fire> skipped;
  if (schedule.pause.has_value()) {
    const absl::Time end = std::min(moment.now, schedule.pause->until);
    skipped = CloseGap(after, end, FireReason::kPaused, moment.now);
  }
  for (Fire& fire : LeaveBehind(after, moment.now, FireReason::kShadow)) {
    skipped.push_back(std::move(fire));
  }
  schedule.state = ScheduleState::kShadow;
  schedule.pause.reset();
  return Changed(Decision::Effect::kUpdate, &current, std::move(after), std::move(skipped),
                 "schedule.shadow", moment);
}

}  // namespace z4j::scheduler
