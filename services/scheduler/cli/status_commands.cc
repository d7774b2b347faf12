#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/cli/output.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"

namespace z4j::scheduler {
namespace {

struct StatusVerbs {
  ClientOptions options;
};

absl::StatusOr<v1::GetStatusResponse> GetStatus(const ClientOptions& options) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ClusterService>(options));
  const v1::GetStatusRequest request;
  v1::GetStatusResponse response;
  RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
    return stub->GetStatus(&context, request, &response);
  }));
  return response;
}

absl::Status Status(const ClientOptions& options) {
  ASSIGN_OR_RETURN(const v1::GetStatusResponse status, GetStatus(options));
  const auto& counts = status.schedules();
  std::vector<Row> rows = {
      {"version", status.version()},
      {"node", absl::StrCat(status.node(), status.is_leader() ? " (leader)" : "")},
      {"leader", absl::StrCat(status.leader(), ", token ", status.token())},
      {"election", status.election()},
      {"store", absl::StrCat(status.store(), ", schema ", status.schema_version())},
      {"tzdata", status.tzdata_version()},
      {"up since", TimeText(status.start_time())},
      {"schedules", absl::StrCat(counts.total(), ": ", counts.enabled(), " enabled, ",
                                 counts.paused(), " paused, ", counts.finished(), " finished, ",
                                 counts.quarantined(), " quarantined")},
  };
  for (const v1::EngineStatus& engine : status.engines()) {
    rows.push_back({absl::StrCat("engine ", engine.engine()),
                    absl::StrCat(engine.adapters(), " adapters, ", engine.pending(), " pending, ",
                                 engine.in_flight(), " in flight",
                                 engine.reason().empty() ? "" : "; ", engine.reason())});
  }
  PrintOne(options, status, {"", ""}, rows);
  return absl::OkStatus();
}

std::string OutcomesText(const v1::Capabilities& capabilities) {
  if (capabilities.outcomes()) return "yes";
  if (capabilities.outcomes_hint().empty()) return "unknown";
  return absl::StrCat("unknown: ", capabilities.outcomes_hint());
}

// "well", or what is wrong; one that is being stopped says that first.
std::string HealthText(const v1::AdapterStatus& adapter) {
  const std::string health = adapter.health().empty() ? "well" : adapter.health();
  return adapter.leaving() ? absl::StrCat("leaving, ", health) : health;
}

// "region=eu, tier=a"; the map of a message has no order.
std::string LabelsText(const v1::AdapterStatus& adapter) {
  const std::map<std::string, std::string> labels(adapter.labels().begin(), adapter.labels().end());
  return absl::StrJoin(labels, ", ", absl::PairFormatter("="));
}

absl::Status ListAdapters(const ClientOptions& options) {
  ASSIGN_OR_RETURN(const v1::GetStatusResponse status, GetStatus(options));
  std::vector<const google::protobuf::Message*> messages;
  std::vector<Row> rows;
  for (const v1::AdapterStatus& adapter : status.adapters()) {
    messages.push_back(&adapter);
    rows.push_back(
        {adapter.engine(), adapter.instance(), adapter.engine_version(),
         absl::StrCat(adapter.in_flight(), "/", adapter.max_in_flight()),
         EnumText(*v1::DeliveryGuarantee_descriptor(), adapter.capabilities().delivery()),
         OutcomesText(adapter.capabilities()), LabelsText(adapter),
         absl::StrJoin(adapter.queues(), ", "), HealthText(adapter)});
  }
  PrintMany(options, messages,
            {"ENGINE", "INSTANCE", "VERSION", "IN FLIGHT", "DELIVERY", "OUTCOMES", "LABELS",
             "QUEUES", "HEALTH"},
            rows);
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommands(CLI::App& app, int& exit_code) {
  const auto verbs = std::make_shared<StatusVerbs>();
  CLI::App& status = *app.add_subcommand("status", "Shows the node, the leader and what waits");
  AddClientOptions(status, verbs->options);
  status.callback(
      [verbs, &exit_code] { exit_code = Finish([&] { return Status(verbs->options); }); });

  const auto adapters = std::make_shared<StatusVerbs>();
  CLI::App& group = *app.add_subcommand("adapter", "Look at the connected adapters");
  group.require_subcommand(1);
  AddClientOptions(group, adapters->options);
  CLI::App* list = group.add_subcommand("list", "Lists adapters with what they can do");
  list->callback([adapters, &exit_code] {
    exit_code = Finish([&] { return ListAdapters(adapters->options); });
  });
}

}  // namespace z4j::scheduler
