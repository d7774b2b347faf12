#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/cli/output.h"
#include "services/base/grpc_status.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/fire.grpc.pb.h"

namespace z4j::scheduler {
namespace {

constexpr int kPageSize = 1000;

struct FireVerbs {
  ClientOptions options;
  std::string schedule = "-", name, from, to;
  std::vector<std::string> states, names;
  int limit = 50;
  bool ascending = false, terminate = false;
};

// A fire by full name, or by its id alone.
std::string FireName(const FireVerbs& verbs, const std::string& name) {
  if (absl::StartsWith(name, "projects/")) return name;
  return absl::StrCat(ScheduleName(verbs.options, verbs.schedule), "/fires/", name);
}
std::string FireName(const FireVerbs& verbs) { return FireName(verbs, verbs.name); }

void PrintFires(const FireVerbs& verbs, const std::vector<v1::Fire>& fires) {
  std::vector<const google::protobuf::Message*> messages;
  std::vector<Row> rows;
  for (const v1::Fire& fire : fires) {
    messages.push_back(&fire);
    rows.push_back(FireRow(fire));
  }
  PrintMany(verbs.options, messages, FireHeader(), rows);
}

absl::Status List(FireVerbs& verbs) {
  v1::ListFiresRequest request;
  request.set_parent(ScheduleName(verbs.options, verbs.schedule));
  for (const std::string& text : verbs.states) {
    ASSIGN_OR_RETURN(const int state, ParseEnum("--state", text, *v1::Fire::State_descriptor()));
    request.add_states(static_cast<v1::Fire::State>(state));
  }
  const absl::Time now = absl::Now();
  if (!verbs.from.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_from_time(), ParseTime("--from", verbs.from, now));
  }
  if (!verbs.to.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_to_time(), ParseTime("--to", verbs.to, now));
  }
  if (verbs.ascending) request.set_order_by("due_time");
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::FireService>(verbs.options));
  std::vector<v1::Fire> fires;
  do {
    request.set_page_size(std::min<int>(kPageSize, verbs.limit - fires.size()));
    v1::ListFiresResponse response;
    RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
      return stub->ListFires(&context, request, &response);
    }));
    for (auto& fire : *response.mutable_fires()) fires.push_back(std::move(fire));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && int(fires.size()) < verbs.limit);
  PrintFires(verbs, fires);
  return absl::OkStatus();
}

absl::Status Get(FireVerbs& verbs) {
  v1::GetFireRequest request;
  request.set_name(FireName(verbs));
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::FireService>(verbs.options));
  v1::GetFireResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->GetFire(&context, request, &response);
  }));
  PrintOne(verbs.options, response.fire(), FireHeader(), {FireRow(response.fire())});
  return absl::OkStatus();
}

absl::Status Cancel(FireVerbs& verbs) {
  v1::CancelFireRequest request;
  request.set_name(FireName(verbs));
  request.set_terminate(verbs.terminate);
  request.set_request_id(NewRequestId());
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::FireService>(verbs.options));
  v1::CancelFireResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->CancelFire(&context, request, &response);
  }));
  PrintOne(verbs.options, response.fire(), FireHeader(), {FireRow(response.fire())});
  return absl::OkStatus();
}

// One after the other; those before one that is refused are repeated, and shown.
absl::Status Retry(FireVerbs& verbs) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::FireService>(verbs.options));
  std::vector<v1::Fire> fires;
  absl::Status status;
  for (const std::string& name : verbs.names) {
    v1::RetryFireRequest request;
    request.set_name(FireName(verbs, name));
    request.set_request_id(NewRequestId());
    v1::RetryFireResponse response;
    status = Invoke(verbs.options, [&](grpc::ClientContext& context) {
      return stub->RetryFire(&context, request, &response);
    });
    if (!status.ok()) break;
    fires.push_back(std::move(*response.mutable_fire()));
  }
  if (!fires.empty()) PrintFires(verbs, fires);
  return status;
}

absl::Status Watch(FireVerbs& verbs) {
  v1::WatchFiresRequest request;
  request.set_parent(ScheduleName(verbs.options, verbs.schedule));
  if (!verbs.from.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_from_time(), ParseTime("--from", verbs.from, absl::Now()));
  }
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::FireService>(verbs.options));
  grpc::ClientContext context;
  const auto reader = stub->WatchFires(&context, request);
  v1::WatchFiresResponse response;
  while (reader->Read(&response)) {
    for (const v1::Fire& fire : response.fires()) PrintEvent(verbs.options, fire, FireRow(fire));
  }
  return FromGrpcStatus(reader->Finish());
}

}  // namespace

void AddFireCommands(CLI::App& app, int& exit_code) {
  const auto verbs = std::make_shared<FireVerbs>();
  CLI::App& group = *app.add_subcommand("fire", "Look at fires, cancel and repeat them");
  group.require_subcommand(1);
  group.footer(R"(Examples:
  z4j-scheduler fire list --schedule nightly --from -7d
  z4j-scheduler fire list --state failed --state lost
  z4j-scheduler fire get 6b0c3c0e-6f3e-5b0e-8a43-0d2d7f0a1c11     (the engine's task id)
  z4j-scheduler fire retry 6b0c3c0e-6f3e-5b0e-8a43-0d2d7f0a1c11   (it failed: run it again)
)");
  AddClientOptions(group, verbs->options);
  const auto add = [&](const char* name, const char* help, absl::Status (*run)(FireVerbs&)) {
    CLI::App* verb = group.add_subcommand(name, help);
    verb->callback([verbs, run, &exit_code] { exit_code = Finish([&] { return run(*verbs); }); });
    return verb;
  };
  CLI::App* list = add("list", "Lists fires, newest due first", List);
  list->add_option("--state", verbs->states, "Only this state; repeatable");
  list->add_option("--to", verbs->to, "Due before: RFC 3339, now, -1h");
  list->add_option("--limit", verbs->limit, "At most so many")->capture_default_str();
  list->add_flag("--ascending", verbs->ascending, "Oldest due first");
  CLI::App* watch = add("watch", "Prints fires as they come and change", Watch);
  for (CLI::App* verb : {list, watch}) {
    verb->add_option("--schedule", verbs->schedule, "Only this schedule's");
    verb->add_option("--from", verbs->from, "Due at or after: RFC 3339, now, -1h");
  }
  for (CLI::App* verb : {add("get", "Shows one fire", Get),
                         add("cancel", "Cancels a fire that has not ended", Cancel)}) {
    verb->add_option("fire", verbs->name, "Fire id, which is the engine's task id, or full name")
        ->required();
  }
  add("retry", "Repeats fires that FAILED, were LOST or CANCELLED, at once", Retry)
      ->add_option("fires", verbs->names, "Fire ids, or full names")
      ->required();
  group.get_subcommand("cancel")->add_flag("--terminate", verbs->terminate,
                                           "Also stop it if it runs, where the engine can");
}

}  // namespace z4j::scheduler
