#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/rpc/convert.h"

namespace z4j::scheduler {
namespace {

// Core's names that the messages spell otherwise.
constexpr std::pair<absl::string_view, absl::string_view> kRenamed[] = {
    {"start_at", "start_time"},
    {"end_at", "end_time"},
    {"spec.one_shot.at", "spec.one_shot.fire_time"},
    {"spec.interval.anchor", "spec.interval.anchor_time"},
    {"pause.until", "pause.until_time"},
};

// Set by other RPCs, or by nobody.
constexpr absl::string_view kNotByUpdate[] = {
    "name",           "uid",   "state",    "pause",       "state_reason", "next_fire_time",
    "watermark_time", "fires", "revision", "create_time", "update_time",  "etag"};

// The first due time that is not decided; InfiniteFuture if there is none.
absl::Time NextDue(const StoredSchedule& stored) {
  if (stored.schedule.state != ScheduleState::kEnabled) return absl::InfiniteFuture();
  const auto recurrence = CompileRecurrence(stored.schedule);
  if (!recurrence.ok()) return absl::InfiniteFuture();
  return NextDue(**recurrence, PolicyOf(stored.schedule), stored.cursor);
}

void SetOptionalTime(absl::Time time, google::protobuf::Timestamp* (v1::Schedule::*field)(),
                     v1::Schedule* out) {
  if (time != absl::InfinitePast() && time != absl::InfiniteFuture())
    SetTime(time, (out->*field)());
}

void SetPause(const Pause& pause, v1::Pause* out) {
  out->set_reason(pause.reason);
  out->set_actor(pause.actor);
  if (pause.since != absl::InfinitePast()) SetTime(pause.since, out->mutable_since_time());
  if (pause.until != absl::InfiniteFuture()) SetTime(pause.until, out->mutable_until_time());
}

RetryPolicy ToRetry(const v1::RetryPolicy& retry, const std::string& path, Faults& faults) {
  RetryPolicy out;
  out.max_attempts = retry.max_attempts();
  if (retry.has_initial_backoff()) {
    out.initial_backoff = ToDuration(retry.initial_backoff(), path + ".initial_backoff", faults);
  }
  if (retry.has_max_backoff()) {
    out.max_backoff = ToDuration(retry.max_backoff(), path + ".max_backoff", faults);
  }
  return out;
}

std::optional<RunRetry> ToRunRetry(const v1::Schedule& in, const std::string& path,
                                   Faults& faults) {
  if (!in.has_run_retry()) return std::nullopt;
  const v1::RunRetry& retry = in.run_retry();
  RunRetry out;
  out.max_attempts = retry.max_attempts();
  if (retry.has_initial_backoff()) {
    out.initial_backoff = ToDuration(retry.initial_backoff(), path + ".initial_backoff", faults);
  }
  if (retry.backoff_multiplier() != 0) out.backoff_multiplier = retry.backoff_multiplier();
  if (retry.has_max_backoff()) {
    out.max_backoff = ToDuration(retry.max_backoff(), path + ".max_backoff", faults);
  }
  for (int i = 0; i < retry.on_size(); ++i) {
    const int end = retry.on(i);
    if (end == v1::RUN_END_UNSPECIFIED || !v1::RunEnd_IsValid(end)) {
      AddEnumFault(end, absl::StrCat(path, ".on[", i, "]"), faults);
    } else {
      out.on.push_back(static_cast<RunEnd>(end));
    }
  }
  out.on_lost = ToEnum(retry.on_lost(), OnLost::kHold, path + ".on_lost", faults);
  return out;
}

void SetRunRetry(const RunRetry& retry, v1::RunRetry* out) {
  out->set_max_attempts(retry.max_attempts);
  SetDuration(retry.initial_backoff, out->mutable_initial_backoff());
  out->set_backoff_multiplier(retry.backoff_multiplier);
  SetDuration(retry.max_backoff, out->mutable_max_backoff());
  for (const RunEnd end : retry.on) out->add_on(static_cast<v1::RunEnd>(end));
  if (retry.on.empty()) out->add_on(v1::RUN_END_FAILED);
  out->set_on_lost(static_cast<v1::OnLost>(retry.on_lost));
}

// What runs.
void ReadTarget(const v1::Schedule& in, const std::string& path, Schedule& out, Faults& faults) {
  out.description = in.description();
  out.engine = in.engine();
  out.task = in.task();
  if (!in.args_json().empty()) out.args_json = in.args_json();
  if (!in.kwargs_json().empty()) out.kwargs_json = in.kwargs_json();
  out.queue = in.queue();
  out.priority = in.priority();
  out.expires = ToDuration(in.expires(), path + ".expires", faults);
  out.engine_options = {in.engine_options().begin(), in.engine_options().end()};
  out.adapter_labels = {in.adapter_labels().begin(), in.adapter_labels().end()};
  out.affinity_key = in.affinity_key();
  out.labels = {in.labels().begin(), in.labels().end()};
}

// When, and what happens when something stands in the way.
void ReadPolicies(const v1::Schedule& in, const std::string& path, Schedule& out, Faults& faults) {
  out.gap = ToEnum(in.gap(), GapPolicy::kNextValid, path + ".gap", faults);
  // FOLD_POLICY_AUTO is 1 there and 0 here.
  const int fold = ToEnum(in.fold(), int{v1::FOLD_POLICY_AUTO}, path + ".fold", faults);
  out.fold = static_cast<FoldPolicy>(fold - 1);
  out.catch_up = ToEnum(in.catch_up(), CatchUp::kFireOne, path + ".catch_up", faults);
  if (in.has_catch_up_window()) {
    out.catch_up_window = ToDuration(in.catch_up_window(), path + ".catch_up_window", faults);
  }
  if (in.catch_up_max() != 0) out.catch_up_max = in.catch_up_max();
  out.overlap = ToEnum(in.overlap(), Overlap::kAllow, path + ".overlap", faults);
  if (in.has_start_time()) out.start_at = ToTime(in.start_time(), path + ".start_time", faults);
  if (in.has_end_time()) out.end_at = ToTime(in.end_time(), path + ".end_time", faults);
  out.max_fires = in.max_fires();
  out.jitter = ToDuration(in.jitter(), path + ".jitter", faults);
  out.jitter_mode = ToEnum(in.jitter_mode(), JitterMode::kRandom, path + ".jitter_mode", faults);
  out.retry = ToRetry(in.retry(), path + ".retry", faults);
  out.run_retry = ToRunRetry(in, path + ".run_retry", faults);
}

}  // namespace

Schedule ToSchedule(const v1::Schedule& in, absl::string_view path, Faults& faults) {
  const std::string prefix(path);
  Schedule out;
  ReadTarget(in, prefix, out, faults);
  out.spec = ToSpec(in.spec(), prefix + ".spec", faults);
  // A cron's zone is required: its absence must reach validation.
  if (!in.time_zone().empty() || in.spec().has_cron()) out.time_zone = in.time_zone();
  ReadPolicies(in, prefix, out, faults);
  if (in.state() == v1::Schedule::STATE_PAUSED) {
    out.state = ScheduleState::kPaused;
    out.pause.emplace();
    out.pause->reason = in.pause().reason();
    if (in.pause().has_until_time()) {
      out.pause->until = ToTime(in.pause().until_time(), prefix + ".pause.until_time", faults);
    }
  }
  return out;
}

void SetSchedule(const StoredSchedule& stored, v1::Schedule* out) {
  const Schedule& s = stored.schedule;
  out->set_name(ResourceName({s.project, s.name}));
  out->set_uid(s.id.ToString());
  out->set_description(s.description);
  out->set_engine(s.engine);
  out->set_task(s.task);
  out->set_args_json(s.args_json);
  out->set_kwargs_json(s.kwargs_json);
  out->set_queue(s.queue);
  out->set_priority(s.priority);
  if (s.expires > absl::ZeroDuration()) SetDuration(s.expires, out->mutable_expires());
  out->mutable_engine_options()->insert(s.engine_options.begin(), s.engine_options.end());
  out->mutable_adapter_labels()->insert(s.adapter_labels.begin(), s.adapter_labels.end());
  out->set_affinity_key(s.affinity_key);
  out->mutable_labels()->insert(s.labels.begin(), s.labels.end());
  SetSpec(s.spec, out->mutable_spec());
  out->set_time_zone(s.time_zone);
  out->set_gap(static_cast<v1::GapPolicy>(s.gap));
  out->set_fold(static_cast<v1::FoldPolicy>(static_cast<int>(s.fold) + 1));
  out->set_catch_up(static_cast<v1::CatchUp>(s.catch_up));
  SetDuration(s.catch_up_window, out->mutable_catch_up_window());
  out->set_catch_up_max(s.catch_up_max);
  out->set_overlap(static_cast<v1::Overlap>(s.overlap));
  if (s.start_at) SetTime(*s.start_at, out->mutable_start_time());
  if (s.end_at) SetTime(*s.end_at, out->mutable_end_time());
  out->set_max_fires(s.max_fires);
  SetDuration(s.jitter, out->mutable_jitter());
  out->set_jitter_mode(static_cast<v1::JitterMode>(s.jitter_mode));
  out->mutable_retry()->set_max_attempts(s.retry.max_attempts);
  SetDuration(s.retry.initial_backoff, out->mutable_retry()->mutable_initial_backoff());
  SetDuration(s.retry.max_backoff, out->mutable_retry()->mutable_max_backoff());
  if (s.run_retry) SetRunRetry(*s.run_retry, out->mutable_run_retry());
  out->set_state(static_cast<v1::Schedule::State>(s.state));
  if (s.pause) SetPause(*s.pause, out->mutable_pause());
  out->set_state_reason(s.state_reason);
  SetOptionalTime(NextDue(stored), &v1::Schedule::mutable_next_fire_time, out);
  SetOptionalTime(stored.cursor.watermark, &v1::Schedule::mutable_watermark_time, out);
  out->set_fires(stored.cursor.fires);
  out->set_etag(EtagOf(s));
  out->set_revision(s.revision);
  SetOptionalTime(s.created_at, &v1::Schedule::mutable_create_time, out);
  SetOptionalTime(s.updated_at, &v1::Schedule::mutable_update_time, out);
}

absl::Status WithRequestPaths(const absl::Status& status, absl::string_view path) {
  Faults faults = FieldViolationsOf(status);
  if (faults.empty()) return status;
  for (FieldViolation& fault : faults) {
    for (const auto& [core, proto] : kRenamed) {
      if (fault.field == core) fault.field = std::string(proto);
    }
    const std::string head = fault.field.substr(0, fault.field.find_first_of(".["));
    if (v1::Schedule::descriptor()->FindFieldByName(head) != nullptr) {
      fault.field = absl::StrCat(path, ".", fault.field);
    }
  }
  return FieldError(std::move(faults));
}

std::vector<std::string> SetFieldNames(const v1::Schedule& schedule) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  v1::Schedule::GetReflection()->ListFields(schedule, &fields);
  std::vector<std::string> names;
  for (const auto* field : fields) {
    if (std::find(std::begin(kNotByUpdate), std::end(kNotByUpdate), field->name()) ==
        std::end(kNotByUpdate)) {
      names.push_back(field->name());
    }
  }
  return names;
}

}  // namespace z4j::scheduler
