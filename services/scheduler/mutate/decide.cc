#include "services/scheduler/mutate/decide.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/core/validate.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutants.h"
#include "services/scheduler/mutate/pause.h"
#include "services/scheduler/mutate/retry_fire.h"
#include "services/scheduler/mutate/update.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {
namespace {

using Effect = Decision::Effect;

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const CreateSchedule& create,
                                      const Mutation& mutation, const Moment& moment) {
  Schedule schedule = create.schedule;
  schedule.id = {moment.fresh_id};
  schedule.created_at = moment.now;
  schedule.state_reason.clear();
  if (schedule.state == ScheduleState::kPaused) {
    const Pause given = schedule.pause.value_or(Pause());
    RETURN_IF_ERROR(CheckPauseUntil("pause.until_time", given.until, moment.now));
    schedule.pause = Pause{given.reason, mutation.caller.actor, moment.now, given.until};
  } else {
    if (schedule.state != ScheduleState::kShadow) schedule.state = ScheduleState::kEnabled;
    schedule.pause.reset();
  }
  if (auto* interval = std::get_if<IntervalSpec>(&schedule.spec);
      interval != nullptr && interval->anchor == absl::InfinitePast()) {
    interval->anchor = moment.now;
  }
  RETURN_IF_ERROR(ValidateSchedule(schedule, moment.now));
  RETURN_IF_ERROR(CheckFit(schedule, moment));
  if (current != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat("'", ResourceName(KeyOf(mutation.action)),
                                                 "' exists already; choose another name"));
  }

  StoredSchedule stored{std::move(schedule), {}};
  stored.cursor = InitialCursor(stored.schedule);
  std::vector<std::string> notes;
  NoteIfNobodyTakes(stored.schedule, moment, notes);
  const auto* one_shot = std::get_if<OneShotSpec>(&stored.schedule.spec);
  if (!HasFuture(stored)) {
    if (stored.schedule.state != ScheduleState::kPaused) {
      stored.schedule.state = ScheduleState::kFinished;
    }
    notes.push_back("it has no due time left and will never fire");
  } else if (one_shot != nullptr && one_shot->at <= moment.now) {
    notes.push_back(stored.schedule.state == ScheduleState::kShadow
                        ? "its time is past: it is recorded once, at once"
                        : "its time is past: it fires once, at once");
  }
  Decision decision =
      Changed(Effect::kInsert, nullptr, std::move(stored), {}, "schedule.create", moment);
  decision.result.notes = std::move(notes);
  return decision;
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const UpdateSchedule& update,
                                      const Mutation&, const Moment& moment) {
  return DecideUpdate(*current, update, moment);
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const DeleteSchedule& erase,
                                      const Mutation&, const Moment&) {
  if (current == nullptr) return Decision();  // allow_missing.
  RETURN_IF_ERROR(CheckEtag(current->schedule, erase.etag));
  Decision decision;
  decision.effect = Effect::kDelete;
  decision.audit.action = "schedule.delete";
  decision.audit.schedule = current->schedule.id;
  decision.audit.before = EncodeSchedule(current->schedule);
  return decision;
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const PauseSchedule& pause,
                                      const Mutation& mutation, const Moment& moment) {
  return DecidePause(*current, pause, mutation.caller, moment);
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const ResumeSchedule& resume,
                                      const Mutation&, const Moment& moment) {
  return DecideResume(*current, resume, moment);
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const ShadowSchedule& shadow,
                                      const Mutation&, const Moment& moment) {
  return DecideShadow(*current, shadow, moment);
}

// Empty is "the schedule's own"; otherwise what a schedule may have.
absl::Status CheckPayload(const char* field, const std::string& text, JsonShape shape) {
  const std::string fault = text.empty() ? "" : CheckJson(text, shape, kPayloadBytesMax);
  if (fault.empty()) return absl::OkStatus();
  return FieldError(field, absl::StrCat(Quoted(text), " ", fault));
}

// A fire with engine options that every adapter rejects is better not made.  Adapters may have no
// use for priority and expires of a schedule that was accepted, and some run it all the same.
absl::Status CheckWouldBeTaken(const Schedule& schedule, const Moment& moment) {
  Schedule options;
  options.engine = schedule.engine;
  options.engine_options = schedule.engine_options;
  const absl::Status fit = CheckFit(options, moment);
  if (fit.ok()) return fit;
  return absl::FailedPreconditionError(
      absl::StrCat("'", ResourceName({schedule.project, schedule.name}),
                   "' would be rejected; update it first: ", fit.message()));
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const TriggerSchedule& trigger,
                                      const Mutation& mutation, const Moment& moment) {
  RETURN_IF_ERROR(CheckPayload("args_json", trigger.args_json, JsonShape::kArray));
  RETURN_IF_ERROR(CheckPayload("kwargs_json", trigger.kwargs_json, JsonShape::kObject));
  RETURN_IF_ERROR(CheckWouldBeTaken(current->schedule, moment));
  const ScheduleId id = current->schedule.id;
  Fire fire;
  fire.key.schedule = id;
  fire.key.due_at = moment.now;
  fire.key.trigger = mutation.request_id.empty()
                         ? moment.fresh_id
                         : Uuid::FromName(id.value, absl::StrCat("trigger ", mutation.request_id,
                                                                 " ", mutation.batch_item));
  fire.id = MakeFireId(fire.key);
  fire.kind = FireKind::kManual;
  fire.dispatch_after = fire.decided_at = fire.first_due_at = moment.now;
  fire.args_json = trigger.args_json;
  fire.kwargs_json = trigger.kwargs_json;

  Decision decision;
  decision.effect = Effect::kFireOnly;
  decision.result.schedule = *current;
  decision.result.fire = fire;
  decision.audit.action = "schedule.trigger";
  decision.audit.schedule = id;
  nlohmann::json after = {{"fire", fire.id.ToString()}, {"due_at", ToMicros(fire.key.due_at)}};
  if (!fire.args_json.empty()) after["args_json"] = fire.args_json;
  if (!fire.kwargs_json.empty()) after["kwargs_json"] = fire.kwargs_json;
  decision.audit.after = after.dump();
  decision.fires.push_back(std::move(fire));
  return decision;
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule*, const CancelFire& cancel,
                                      const Mutation&, const Moment&) {
  Decision decision;
  decision.effect = Effect::kFireOnly;
  decision.cancelled.push_back(cancel.key);
  decision.audit.action = "fire.cancel";
  decision.audit.resource =
      absl::StrCat("projects/", cancel.schedule.project, "/fires/", cancel.id.ToString());
  decision.audit.schedule = cancel.key.schedule;
  decision.audit.after =
      nlohmann::json({{"fire", cancel.id.ToString()}, {"due_at", ToMicros(cancel.key.due_at)}})
          .dump();
  return decision;
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const RetryFire& retry,
                                      const Mutation&, const Moment& moment) {
  return DecideRetry(*current, retry, moment);
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current, const FinishSchedule& finish,
                                      const Mutation&, const Moment& moment) {
  StoredSchedule after = *current;
  if (after.schedule.state == ScheduleState::kFinished) {
    Decision decision;
    decision.result.schedule = std::move(after);
    return decision;
  }
  const bool comes_due = after.schedule.state == ScheduleState::kEnabled ||
                         after.schedule.state == ScheduleState::kShadow;
  if (!comes_due || HasFuture(after)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", ResourceName(finish.key), "' is not at its end: it was edited meanwhile"));
  }
  after.schedule.state = ScheduleState::kFinished;
  return Changed(Effect::kUpdate, current, std::move(after), {}, "schedule.finish", moment);
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule* current,
                                      const QuarantineSchedule& quarantine, const Mutation&,
                                      const Moment& moment) {
  StoredSchedule after = *current;
  after.schedule.state = ScheduleState::kQuarantined;
  after.schedule.state_reason = quarantine.reason;
  after.schedule.pause.reset();
  return Changed(Effect::kUpdate, current, std::move(after), {}, "schedule.quarantine", moment);
}

absl::StatusOr<Decision> DecideAction(const StoredSchedule*, const RecordClusterChange& change,
                                      const Mutation&, const Moment&) {
  Decision decision;
  decision.effect = Effect::kEntryOnly;
  decision.audit.action = change.action;
  decision.audit.resource = change.resource;
  decision.audit.before = change.before;
  decision.audit.after = change.after;
  return decision;
}

// Whether an action that names no existing schedule can still be decided.
bool AllowsMissing(const MutationAction& action) {
  if (const auto* erase = std::get_if<DeleteSchedule>(&action)) return erase->allow_missing;
  return std::holds_alternative<CreateSchedule>(action) ||
         std::holds_alternative<CancelFire>(action) ||
         std::holds_alternative<RecordClusterChange>(action);
}

}  // namespace

absl::StatusOr<Decision> Decide(const StoredSchedule* current, const Mutation& mutation,
                                const Moment& moment) {
  const ScheduleKey key = KeyOf(mutation.action);
  if (current == nullptr && !AllowsMissing(mutation.action)) {
    return absl::NotFoundError(absl::StrCat("'", ResourceName(key), "' does not exist"));
  }
  ASSIGN_OR_RETURN(Decision decision, std::visit(
                                          [&](const auto& action) {
                                            return DecideAction(current, action, mutation, moment);
                                          },
                                          mutation.action));
  AuditEntry& audit = decision.audit;
  audit.at = moment.now;
  audit.actor = mutation.caller.actor;
  audit.source = mutation.caller.source;
  if (audit.resource.empty()) audit.resource = ResourceName(key);
  audit.request_id = mutation.request_id;
  return decision;
}

Decision Changed(Effect effect, const StoredSchedule* current, StoredSchedule after,
                 std::vector<Fire> fires, std::string action, const Moment& moment) {
  after.schedule.updated_at = moment.now;
  after.schedule.revision = moment.revision;
  Decision decision;
  decision.effect = effect;
  decision.fires = std::move(fires);
  decision.audit.action = std::move(action);
  decision.audit.schedule = after.schedule.id;
  if (current != nullptr) decision.audit.before = EncodeSchedule(current->schedule);
  decision.audit.after = EncodeSchedule(after.schedule);
  decision.result.schedule = std::move(after);
  return decision;
}

absl::Status CheckFit(const Schedule& schedule, const Moment& moment) {
  return moment.offers == nullptr ? absl::OkStatus() : CheckEngineFit(schedule, *moment.offers);
}

void NoteIfNobodyTakes(const Schedule& schedule, const Moment& moment,
                       std::vector<std::string>& notes) {
  if (moment.offers == nullptr || !moment.offers->contains(schedule.engine)) return;
  const std::string why = WhyNobody(RouteOf(schedule), *moment.offers);
  if (!why.empty()) notes.push_back(absl::StrCat("its fires wait: ", why));
}

absl::Status CheckEtag(const Schedule& current, const std::string& etag) {
  if (etag.empty() || etag == EtagOf(current)) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("etag ", etag, " is stale: '",
                                         ResourceName({current.project, current.name}), "' is now ",
                                         EtagOf(current), "; read it again and repeat the change"));
}

std::vector<Fire> CloseGap(StoredSchedule& stored, absl::Time until, FireReason reason,
                           absl::Time now) {
  std::vector<Fire> skipped;
  if (until <= stored.cursor.watermark) return skipped;
  if (const auto recurrence = CompileRecurrence(stored.schedule); recurrence.ok()) {
    skipped = PlanGap(stored.schedule.id, **recurrence, PolicyOf(stored.schedule), stored.cursor,
                      until, reason, now);
  }
  stored.cursor.watermark = until;
  return skipped;
}

std::vector<Fire> LeaveBehind(StoredSchedule& stored, absl::Time now, FireReason reason) {
  if (Broken(Rule::kChangesLeavePlansBehind)) return CloseGap(stored, now, reason, now);
  const absl::Time after =
      stored.cursor.watermark + absl::Microseconds(1);  // Times are whole ones.
  return CloseGap(stored, std::max(now, after), reason, now);
}

bool HasFuture(const StoredSchedule& stored) {
  const auto recurrence = CompileRecurrence(stored.schedule);
  return recurrence.ok() && NextWake(stored.schedule.id, **recurrence, PolicyOf(stored.schedule),
                                     stored.cursor) < absl::InfiniteFuture();
}

}  // namespace z4j::scheduler
