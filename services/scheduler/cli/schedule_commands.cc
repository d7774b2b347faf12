#include <iostream>
#include <memory>

#include "absl/time/clock.h"
#include "services/base/cli/output.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/schedule_flags.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {
namespace {

using v1::ScheduleService;

// What the verbs of the group read from the command line.
struct ScheduleVerbs {
  ClientOptions options;
  ScheduleFlags create_flags, update_flags, preview_flags;
  std::string name, etag, reason, until, args, kwargs, request_id, after;
  bool dry_run = false, allow_missing = false, clear = false;
  std::vector<std::string> unset;
  int count = 10;
  int* exit_code = nullptr;
};
using Verbs = std::shared_ptr<ScheduleVerbs>;

CLI::App* AddVerb(CLI::App& group, const char* name, const char* help, Verbs verbs,
                  absl::Status (*run)(ScheduleVerbs&)) {
  CLI::App* verb = group.add_subcommand(name, help);
  verb->callback([verbs, run] { *verbs->exit_code = Finish([&] { return run(*verbs); }); });
  return verb;
}

CLI::App* AddNamedVerb(CLI::App& group, const char* name, const char* help, Verbs verbs,
                       absl::Status (*run)(ScheduleVerbs&)) {
  CLI::App* verb = AddVerb(group, name, help, verbs, run);
  verb->add_option("name", verbs->name, "Short name, or projects/{project}/schedules/{name}")
      ->required();
  return verb;
}

void Print(const ScheduleVerbs& verbs, const v1::Schedule& schedule) {
  PrintOne(verbs.options, schedule, ScheduleHeader(), {ScheduleRow(schedule)});
}

void Say(const google::protobuf::RepeatedPtrField<std::string>& notes) {
  for (const std::string& note : notes) std::cerr << "note: " << note << "\n";
}

std::string RequestId(const ScheduleVerbs& verbs) {
  return verbs.request_id.empty() ? NewRequestId() : verbs.request_id;
}

absl::Status Create(ScheduleVerbs& verbs) {
  v1::CreateScheduleRequest request;
  request.set_parent(ParentName(verbs.options));
  request.set_schedule_id(verbs.name);
  request.set_request_id(RequestId(verbs));
  request.set_validate_only(verbs.dry_run);
  std::vector<std::string> mask;
  RETURN_IF_ERROR(verbs.create_flags.Fill(absl::Now(), *request.mutable_schedule(), mask));
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::CreateScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->CreateSchedule(&context, request, &response);
  }));
  Say(response.notes());
  Print(verbs, response.schedule());
  return absl::OkStatus();
}

absl::Status Update(ScheduleVerbs& verbs) {
  v1::UpdateScheduleRequest request;
  v1::Schedule& schedule = *request.mutable_schedule();
  std::vector<std::string> mask;
  RETURN_IF_ERROR(verbs.update_flags.Fill(absl::Now(), schedule, mask));
  mask.insert(mask.end(), verbs.unset.begin(), verbs.unset.end());
  if (mask.empty()) return FieldError("update", "nothing to change; give at least one flag");
  schedule.set_name(ScheduleName(verbs.options, verbs.name));
  schedule.set_etag(verbs.etag);
  for (const std::string& path : mask) request.mutable_update_mask()->add_paths(path);
  request.set_request_id(RequestId(verbs));
  request.set_validate_only(verbs.dry_run);
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::UpdateScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->UpdateSchedule(&context, request, &response);
  }));
  Say(response.notes());
  Print(verbs, response.schedule());
  return absl::OkStatus();
}

absl::Status Get(ScheduleVerbs& verbs) {
  v1::GetScheduleRequest request;
  request.set_name(ScheduleName(verbs.options, verbs.name));
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::GetScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->GetSchedule(&context, request, &response);
  }));
  Row header = ScheduleHeader(), row = ScheduleRow(response.schedule());
  if (response.schedule().has_source()) {
    header.push_back("SOURCE");
    row.push_back(SourceText(response.schedule().source()));
  }
  PrintOne(verbs.options, response.schedule(), header, {row});
  return absl::OkStatus();
}

absl::Status Delete(ScheduleVerbs& verbs) {
  v1::DeleteScheduleRequest request;
  request.set_name(ScheduleName(verbs.options, verbs.name));
  request.set_etag(verbs.etag);
  request.set_allow_missing(verbs.allow_missing);
  request.set_request_id(RequestId(verbs));
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::DeleteScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->DeleteSchedule(&context, request, &response);
  }));
  std::cerr << "deleted " << request.name() << "\n";
  return absl::OkStatus();
}

absl::Status PauseOne(ScheduleVerbs& verbs) {
  v1::PauseScheduleRequest request;
  request.set_name(ScheduleName(verbs.options, verbs.name));
  request.set_reason(verbs.reason);
  request.set_request_id(RequestId(verbs));
  if (!verbs.until.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_until_time(), ParseTime("--until", verbs.until, absl::Now()));
  }
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::PauseScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->PauseSchedule(&context, request, &response);
  }));
  Print(verbs, response.schedule());
  return absl::OkStatus();
}

absl::Status ResumeOne(ScheduleVerbs& verbs) {
  v1::ResumeScheduleRequest request;
  request.set_name(ScheduleName(verbs.options, verbs.name));
  request.set_request_id(RequestId(verbs));
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::ResumeScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->ResumeSchedule(&context, request, &response);
  }));
  Print(verbs, response.schedule());
  return absl::OkStatus();
}

absl::Status ShadowOne(ScheduleVerbs& verbs) {
  v1::ShadowScheduleRequest request;
  request.set_name(ScheduleName(verbs.options, verbs.name));
  request.set_request_id(RequestId(verbs));
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::ShadowScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->ShadowSchedule(&context, request, &response);
  }));
  Print(verbs, response.schedule());
  return absl::OkStatus();
}

absl::Status Trigger(ScheduleVerbs& verbs) {
  v1::TriggerScheduleRequest request;
  request.set_name(ScheduleName(verbs.options, verbs.name));
  request.set_args_json(verbs.args);
  request.set_kwargs_json(verbs.kwargs);
  request.set_request_id(RequestId(verbs));
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::TriggerScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->TriggerSchedule(&context, request, &response);
  }));
  PrintOne(verbs.options, response.fire(), FireHeader(), {FireRow(response.fire())});
  return absl::OkStatus();
}

absl::Status Preview(ScheduleVerbs& verbs) {
  v1::PreviewScheduleRequest request;
  request.set_count(verbs.count);
  if (!verbs.after.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_after_time(), ParseTime("--after", verbs.after, absl::Now()));
  }
  if (verbs.name.empty()) {
    std::vector<std::string> mask;
    RETURN_IF_ERROR(verbs.preview_flags.Fill(absl::Now(), *request.mutable_schedule(), mask));
  } else {
    request.set_name(ScheduleName(verbs.options, verbs.name));
  }
  ASSIGN_OR_RETURN(auto stub, StubOf<ScheduleService>(verbs.options));
  v1::PreviewScheduleResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->PreviewSchedule(&context, request, &response);
  }));
  std::vector<Row> rows;
  for (const auto& fire : response.fires()) {
    rows.push_back({TimeText(fire.due_time()), fire.local_time(), fire.note()});
  }
  PrintOne(
      verbs.options, response,
      {"DUE (UTC)",
       "LOCAL (" + response.time_zone() + ", tzdata " + response.tzdata_version() + ")", "NOTE"},
      rows);
  return absl::OkStatus();
}

constexpr char kExamples[] = R"(Examples:
  z4j-scheduler schedule create nightly --cron "0 3 * * *" -z Europe/Berlin -e celery -t app.backup
  z4j-scheduler schedule create ping --interval 30s -e celery -t app.ping --kwargs '{"n": 1}'
  z4j-scheduler schedule create launch --at 2027-01-01T09:00:00Z -e celery -t app.launch
  z4j-scheduler schedule create rent --every-months 1 --at-time 09:00 --from-date 2026-12-01 \
      -z Europe/Berlin -e celery -t app.rent
  z4j-scheduler schedule preview --cron "30 2 * * *" -z America/New_York -n 5
  z4j-scheduler schedule pause nightly --reason "disk is full" --until +2h
)";

void AddCreateAndUpdate(CLI::App& group, const Verbs& verbs) {
  CLI::App* create = AddVerb(group, "create", "Creates a schedule", verbs, Create);
  create->add_option("name", verbs->name, "Name, unique in the project")->required();
  verbs->create_flags.AddTo(*create, /*spec_only=*/false);
  CLI::App* update =
      AddNamedVerb(group, "update", "Changes the fields that are given", verbs, Update);
  verbs->update_flags.AddTo(*update, /*spec_only=*/false);
  update->add_option("--etag", verbs->etag, "Refuse if it changed since this etag");
  update->add_option("--unset", verbs->unset,
                     "Field to set back to its default, by its name in the API; repeatable");
  for (CLI::App* verb : {create, update}) {
    verb->add_flag("--dry-run", verbs->dry_run, "Only check and show the result");
    verb->add_option("--request-id", verbs->request_id, "Repeating it repeats the answer");
  }
}

}  // namespace

void AddScheduleCommands(CLI::App& app, int& exit_code) {
  const auto verbs = std::make_shared<ScheduleVerbs>();
  verbs->exit_code = &exit_code;
  CLI::App& group =
      *app.add_subcommand("schedule", "Create, change, look at and trigger schedules");
  group.require_subcommand(1);
  group.footer(kExamples);
  AddClientOptions(group, verbs->options);
  AddCreateAndUpdate(group, verbs);
  AddNamedVerb(group, "get", "Shows one schedule", verbs, Get);
  CLI::App* remove = AddNamedVerb(group, "delete", "Deletes a schedule", verbs, Delete);
  remove->add_option("--etag", verbs->etag, "Refuse if it changed since this etag");
  remove->add_flag("--allow-missing", verbs->allow_missing, "No error if there is none");
  CLI::App* pause = AddNamedVerb(group, "pause", "Stops it from firing", verbs, PauseOne);
  pause->add_option("--reason", verbs->reason, "Why; shown to whoever wonders")->required();
  pause->add_option("--until", verbs->until, "Resumes by itself then: RFC 3339 or +2h");
  AddNamedVerb(group, "resume", "Lets it fire again, from now on; also out of shadow", verbs,
               ResumeOne);
  AddNamedVerb(group, "shadow", "Records its due times and fires none, until it is resumed", verbs,
               ShadowOne);
  CLI::App* trigger = AddNamedVerb(group, "trigger", "Fires it now, once", verbs, Trigger);
  trigger->add_option("--args", verbs->args, "Other positional arguments: a JSON array");
  trigger->add_option("--kwargs", verbs->kwargs, "Other keyword arguments: a JSON object");
  trigger->add_option("--request-id", verbs->request_id, "Repeating it fires only once");
  CLI::App* preview =
      AddVerb(group, "preview", "Shows the next fires of a schedule, or of one not yet saved",
              verbs, Preview);
  preview->add_option("name", verbs->name, "A stored schedule; none: describe it with flags");
  preview->add_option("-n,--count", verbs->count, "How many, 1..1000")->capture_default_str();
  preview->add_option("--after", verbs->after, "From then on; now");
  verbs->preview_flags.AddTo(*preview, /*spec_only=*/true);
  AddScheduleListCommands(group, verbs->options, exit_code);
  AddScheduleLintCommand(group, verbs->options, exit_code);
}

}  // namespace z4j::scheduler
