#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/cli/output.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/engine.grpc.pb.h"

namespace z4j::scheduler {
namespace {

using EngineStub = v1::EngineService::Stub;

struct EngineVerbs {
  ClientOptions options;
  std::string engine, instance, queue;
  bool yes = false;
};

// Calls `rpc` at the server.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(const EngineVerbs& verbs, const Request& request,
                              grpc::Status (EngineStub::*rpc)(grpc::ClientContext*, const Request&,
                                                              Response*)) {
  ASSIGN_OR_RETURN(const auto stub, StubOf<v1::EngineService>(verbs.options));
  Response response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return (stub.get()->*rpc)(&context, request, &response);
  }));
  return response;
}

// The request about the engine, and the instance if one is named.
template <typename Request>
Request About(const EngineVerbs& verbs) {
  Request request;
  request.set_engine(verbs.engine);
  request.set_instance(verbs.instance);
  return request;
}

template <typename Rows>
void Print(const EngineVerbs& verbs, const Rows& messages, const Row& header,
           const std::vector<Row>& rows) {
  std::vector<const google::protobuf::Message*> printed;
  for (const auto& message : messages) printed.push_back(&message);
  PrintMany(verbs.options, printed, header, rows);
}

std::string Known(bool known, int64_t number) { return known ? absl::StrCat(number) : "unknown"; }

absl::Status List(const EngineVerbs& verbs) {
  ASSIGN_OR_RETURN(const auto response,
                   Call(verbs, v1::ListEnginesRequest(), &EngineStub::ListEngines));
  std::map<std::string, std::vector<std::string>> instances;
  for (const v1::AdapterStatus& adapter : response.adapters()) {
    instances[adapter.engine()].push_back(adapter.health().empty()
                                              ? adapter.instance()
                                              : absl::StrCat(adapter.instance(), " (ailing)"));
  }
  std::vector<Row> rows;
  for (const v1::EngineStatus& engine : response.engines()) {
    const std::vector<std::string>& names = instances[engine.engine()];
    rows.push_back({engine.engine(), names.empty() ? "none" : absl::StrJoin(names, ", "),
                    absl::StrCat(engine.pending()), absl::StrCat(engine.in_flight()),
                    engine.reason()});
  }
  PrintOne(verbs.options, response,
           {"ENGINE", "INSTANCES", "PENDING", "IN FLIGHT", "WAITS BECAUSE"}, rows);
  return absl::OkStatus();
}

absl::Status Tasks(const EngineVerbs& verbs) {
  ASSIGN_OR_RETURN(const auto response,
                   Call(verbs, About<v1::ListTasksRequest>(verbs), &EngineStub::ListTasks));
  std::vector<Row> rows;
  for (const v1::EngineTask& task : response.tasks()) {
    rows.push_back({task.name(), absl::StrJoin(task.instances(), ", ")});
  }
  Print(verbs, response.tasks(), {"TASK", "INSTANCES"}, rows);
  return absl::OkStatus();
}

absl::Status Queues(const EngineVerbs& verbs) {
  ASSIGN_OR_RETURN(const auto response,
                   Call(verbs, About<v1::ListQueuesRequest>(verbs), &EngineStub::ListQueues));
  std::vector<Row> rows;
  for (const v1::EngineQueue& queue : response.queues()) {
    rows.push_back({queue.name(), queue.instance(), absl::StrCat(queue.depth()),
                    Known(queue.has_in_progress(), queue.in_progress()),
                    Known(queue.has_workers(), queue.workers())});
  }
  Print(verbs, response.queues(), {"QUEUE", "INSTANCE", "WAITING", "IN PROGRESS", "WORKERS"}, rows);
  return absl::OkStatus();
}

absl::Status Workers(const EngineVerbs& verbs) {
  ASSIGN_OR_RETURN(const auto response,
                   Call(verbs, About<v1::ListWorkersRequest>(verbs), &EngineStub::ListWorkers));
  std::vector<Row> rows;
  for (const v1::EngineWorker& worker : response.workers()) {
    rows.push_back({worker.name(), worker.instance(),
                    worker.queues().empty() ? "unknown" : absl::StrJoin(worker.queues(), ", "),
                    absl::StrCat(Known(worker.has_running(), worker.running()), " of ",
                                 Known(worker.has_concurrency(), worker.concurrency())),
                    worker.has_heartbeat_time() ? TimeText(worker.heartbeat_time()) : "unknown"});
  }
  Print(verbs, response.workers(), {"WORKER", "INSTANCE", "QUEUES", "RUNNING", "LAST HEARD"}, rows);
  return absl::OkStatus();
}

std::string MessagesText(int64_t count) {
  return absl::StrCat(count, count == 1 ? " message" : " messages");
}

// Whether the person at the terminal wants it.
bool Confirms(const EngineVerbs& verbs, int64_t depth) {
  std::cerr << MessagesText(depth) << (depth == 1 ? " waits" : " wait") << " in queue '"
            << verbs.queue << "' of " << verbs.engine
            << ", not only fires of schedules.  All that is there will be\n"
               "removed for good; what runs goes on.  Remove? [y/N] "
            << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  answer = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  return answer == "y" || answer == "yes";
}

absl::Status Purge(const EngineVerbs& verbs) {
  if (!verbs.yes && !isatty(STDIN_FILENO)) {
    return FieldError("--yes",
                      "is required, as there is no terminal to ask on whether to remove "
                      "what waits in the queue");
  }
  auto request = About<v1::PurgeQueueRequest>(verbs);
  request.set_queue(verbs.queue);
  ASSIGN_OR_RETURN(const auto waiting, Call(verbs, request, &EngineStub::PurgeQueue));
  if (!verbs.yes && !Confirms(verbs, waiting.depth())) {
    return absl::CancelledError("nothing was removed");
  }
  request.set_confirm_token(waiting.confirm_token());
  ASSIGN_OR_RETURN(const auto response, Call(verbs, request, &EngineStub::PurgeQueue));
  if (verbs.options.output == "table") {
    std::cout << MessagesText(response.purged()) << " removed from queue '" << verbs.queue
              << "' of " << verbs.engine << "\n";
  } else {
    PrintOne(verbs.options, response, {}, {});
  }
  return absl::OkStatus();
}

}  // namespace

void AddEngineCommands(CLI::App& app, int& exit_code) {
  const auto verbs = std::make_shared<EngineVerbs>();
  CLI::App& group = *app.add_subcommand("engine", "Look at the engines behind the adapters");
  group.require_subcommand(1);
  group.footer(R"(Examples:
  z4j-scheduler engine list                       who is connected, and what waits for them
  z4j-scheduler engine tasks celery               what a schedule may name with --task
  z4j-scheduler engine queues celery -o json
  z4j-scheduler engine workers rq --instance rq@web-1
  z4j-scheduler engine purge celery default       shows what would go, and asks
  z4j-scheduler engine purge celery default --yes

The node that is asked answers, from the adapters connected to it; they ask their brokers and
workers at that moment, for 10 s at most.
)");
  AddClientOptions(group, verbs->options);
  const auto add = [&](const char* name, const char* help,
                       absl::Status (*run)(const EngineVerbs&)) {
    CLI::App* verb = group.add_subcommand(name, help);
    verb->callback([verbs, run, &exit_code] { exit_code = Finish([&] { return run(*verbs); }); });
    return verb;
  };
  add("list", "Lists engines with their adapters' instances and the fires that wait", List);
  CLI::App* tasks = add("tasks", "Lists the tasks that can be run", Tasks);
  CLI::App* queues = add("queues", "Lists queues and what waits in them", Queues);
  CLI::App* workers = add("workers", "Lists the workers that are alive", Workers);
  CLI::App* purge = add("purge", "Removes all that waits in a queue; asks first", Purge);
  for (CLI::App* verb : {tasks, queues, workers, purge}) {
    verb->add_option("engine", verbs->engine, "celery, rq, dramatiq, …; see 'engine list'")
        ->required();
    verb->add_option("--instance", verbs->instance,
                     verb == purge ? "Name of the adapter's instance, if there are several"
                                   : "Only this instance of its adapter");
  }
  purge->add_option("queue", verbs->queue, "Name of the queue; see 'engine queues'")->required();
  purge->add_flag("-y,--yes", verbs->yes, "Remove without asking, for scripts");
  purge->footer(
      "Messages that are no fires go, too; fires end as cancelled.  The audit log says who purged\n"
      "what ('audit list': engine.purge.begin, then engine.purge or engine.purge.failed).");
}

}  // namespace z4j::scheduler
