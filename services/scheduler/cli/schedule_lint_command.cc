#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "services/base/cli/output.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/stored_schedules.h"
#include "services/scheduler/core/lint.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/rpc/convert.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

struct LintVerb {
  ClientOptions* options = nullptr;
  std::vector<std::string> names;
  std::string file;
  bool fails = false;
  bool has_notes = false;
};

// A note and the schedule that it is on.
struct Finding {
  std::string schedule;
  LintNote note;
};

absl::StatusOr<std::vector<v1::Schedule>> Fetch(const LintVerb& verb) {
  std::vector<v1::Schedule> schedules;
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(*verb.options));
  for (const std::string& name : verb.names) {
    v1::GetScheduleRequest request;
    request.set_name(ScheduleName(*verb.options, name));
    v1::GetScheduleResponse response;
    RETURN_IF_ERROR(Invoke(*verb.options, [&](grpc::ClientContext& context) {
      return stub->GetSchedule(&context, request, &response);
    }));
    schedules.push_back(std::move(*response.mutable_schedule()));
  }
  if (!verb.names.empty()) return schedules;
  const auto keep = [&](v1::Schedule&& schedule) { schedules.push_back(std::move(schedule)); };
  RETURN_IF_ERROR(ForEachStored(*verb.options, {}, "reading schedules", keep));
  return schedules;
}

// The JSON values of a text: the elements of one array, one object, or one object a line.
absl::StatusOr<std::vector<Json>> ValuesIn(const std::string& text) {
  Json whole = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (whole.is_array()) return std::vector<Json>(whole.begin(), whole.end());
  if (whole.is_object()) return std::vector<Json>{whole};
  std::vector<Json> values;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    values.push_back(Json::parse(line, nullptr, /*allow_exceptions=*/false));
    if (!values.back().is_object()) {
      return FieldError("--file", absl::StrCat("line ", number,
                                               " is no JSON object; give what `schedule list -o "
                                               "json` prints, or one object a line"));
    }
  }
  return values;
}

absl::StatusOr<std::vector<v1::Schedule>> ReadFile(const std::string& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) return FieldError("--file", absl::StrCat("cannot read '", path, "'"));
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  ASSIGN_OR_RETURN(const std::vector<Json> values, ValuesIn(text));
  std::vector<v1::Schedule> schedules;
  for (size_t i = 0; i < values.size(); ++i) {
    Json value = values[i];
    std::string id;
    if (value.is_object() && value.contains("type")) {  // A line of an import.
      if (value["type"] != "schedule") continue;
      if (value.contains("id") && value["id"].is_string()) id = value["id"];
      value = value.value("schedule", Json());
    }
    v1::Schedule schedule;
    const auto status = google::protobuf::util::JsonStringToMessage(
        value.dump(-1, ' ', false, Json::error_handler_t::replace), &schedule);
    if (!status.ok()) {
      return FieldError(
          "--file",
          absl::StrCat("schedule ", i + 1, " is not understood: ", std::string(status.message())));
    }
    if (schedule.name().empty()) schedule.set_name(absl::StrCat("projects/-/schedules/", id));
    schedules.push_back(std::move(schedule));
  }
  return schedules;
}

// `message` as core has it, and what is wrong with it, which hides all else.
Schedule CoreOf(const v1::Schedule& message, std::vector<Finding>* findings) {
  Faults faults;
  Schedule schedule = ToSchedule(message, "schedule", faults);
  schedule.name = IdIn(message.name(), "schedules");
  schedule.state = message.state() == v1::Schedule::STATE_UNSPECIFIED
                       ? ScheduleState::kEnabled
                       : static_cast<ScheduleState>(message.state());
  if (message.has_create_time()) schedule.created_at = ToTime(message.create_time(), "", faults);
  if (faults.empty()) faults = FieldViolationsOf(CompileRecurrence(schedule).status());
  for (const FieldViolation& fault : faults) {
    findings->push_back({schedule.name,
                         {"INVALID", std::string(absl::StripPrefix(fault.field, "schedule.")),
                          fault.description, "see the note"}});
  }
  return schedule;
}

std::vector<Finding> FindingsOf(const std::vector<v1::Schedule>& messages, absl::Time now) {
  std::vector<Finding> findings;
  std::vector<Schedule> schedules;
  for (const v1::Schedule& message : messages) schedules.push_back(CoreOf(message, &findings));
  std::vector<const Schedule*> all;
  for (const Schedule& schedule : schedules) {
    all.push_back(&schedule);
    for (LintNote& note : Lint(schedule, now)) {
      findings.push_back({schedule.name, std::move(note)});
    }
  }
  for (LintNote& note : LintTogether(all, now)) findings.push_back({"*", std::move(note)});
  return findings;
}

void Print(const OutputOptions& options, const std::vector<Finding>& findings) {
  std::vector<google::protobuf::Struct> values;
  std::vector<Row> rows;
  for (const auto& [schedule, note] : findings) {
    auto& fields = *values.emplace_back().mutable_fields();
    fields["schedule"].set_string_value(schedule);
    fields["code"].set_string_value(note.code);
    fields["field"].set_string_value(note.field);
    fields["message"].set_string_value(note.message);
    fields["fix"].set_string_value(note.fix);
    rows.push_back({schedule, note.code, note.message, note.fix});
  }
  std::vector<const google::protobuf::Message*> messages;
  for (const auto& value : values) messages.push_back(&value);
  PrintMany(options, messages, {"SCHEDULE", "CODE", "WHAT IT DOES", "IF THAT IS NOT MEANT"}, rows);
}

absl::Status Run(LintVerb& verb) {
  if (!verb.file.empty() && !verb.names.empty()) {
    return FieldError("--file", "give names of stored schedules or a file, not both");
  }
  ASSIGN_OR_RETURN(const std::vector<v1::Schedule> schedules,
                   verb.file.empty() ? Fetch(verb) : ReadFile(verb.file));
  const std::vector<Finding> findings = FindingsOf(schedules, absl::Now());
  Print(*verb.options, findings);
  std::cerr << findings.size() << (findings.size() == 1 ? " note on " : " notes on ")
            << schedules.size() << (schedules.size() == 1 ? " schedule\n" : " schedules\n");
  verb.has_notes = !findings.empty();
  return absl::OkStatus();
}

constexpr char kFooter[] =
    R"(What a schedule says exactly and its author probably does not mean; nothing is
changed or refused.  docs/semantics.md lists the codes.
Examples:
  z4j-scheduler schedule lint
  z4j-scheduler schedule lint nightly ping -o json
  z4j-scheduler schedule list -o json | z4j-scheduler schedule lint --file -
)";

}  // namespace

void AddScheduleLintCommand(CLI::App& group, ClientOptions& options, int& exit_code) {
  const auto verb = std::make_shared<LintVerb>();
  verb->options = &options;
  CLI::App* lint =
      group.add_subcommand("lint", "Says what in schedules is exact but probably not meant");
  lint->footer(kFooter);
  lint->add_option("name", verb->names, "Stored schedules; none: all of the project");
  lint->add_option("--file", verb->file,
                   "Schedules in JSON instead, an array or one a line; - reads standard input");
  lint->add_flag("--exit-code", verb->fails, "Exit with 1 if there are notes");
  lint->callback([verb, &exit_code] {
    exit_code = Finish([&] { return Run(*verb); });
    if (exit_code == kExitOk && verb->fails && verb->has_notes) exit_code = kExitFailure;
  });
}

}  // namespace z4j::scheduler
