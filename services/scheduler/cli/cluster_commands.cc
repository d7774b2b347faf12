#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/cli/output.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"

namespace z4j::scheduler {
namespace {

struct ClusterVerbs {
  ClientOptions options;
  std::string node;
};

constexpr int kTokenEpochShift = 48;

std::string MillisecondsText(const google::protobuf::Duration& duration) {
  const double ms = static_cast<double>(duration.seconds()) * 1e3 + duration.nanos() / 1e6;
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f ms", ms);
  return text;
}

// Tokens of the consensus are an epoch and a place in its log.
std::string TokenText(const v1::GetStatusResponse& status) {
  if (status.token() == 0) return "token not known here";
  if (status.election() != "raft") return absl::StrCat("token ", status.token());
  const int64_t index = status.token() & ((int64_t{1} << kTokenEpochShift) - 1);
  return absl::StrCat("token ", status.token(), " (epoch ", status.token() >> kTokenEpochShift,
                      ", entry ", index, ")");
}

std::string PeerText(const v1::ConsensusPeer& peer) {
  std::string text = absl::StrCat(peer.address(), peer.voter() ? "" : ", does not vote yet",
                                  peer.leader() ? ", leads" : "");
  if (peer.folder_lost()) return absl::StrCat(text, ", LOST ITS FOLDER");
  if (!peer.has_reachable()) return text;
  if (!peer.reachable()) return absl::StrCat(text, ", DOES NOT ANSWER");
  absl::StrAppend(&text, ", answers, lags ", peer.lag_entries(), " entries");
  if (peer.has_round_trip()) {
    absl::StrAppend(&text, ", round trip ", MillisecondsText(peer.round_trip()));
  }
  return text;
}

absl::Status Status(const ClientOptions& options) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ClusterService>(options));
  v1::GetStatusResponse status;
  RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
    return stub->GetStatus(&context, {}, &status);
  }));
  std::vector<Row> rows = {
      {"node", absl::StrCat(status.node(), status.is_leader() ? " (ticks)" : "")},
      {"election", status.election()},
      {"leader", status.leader().empty() ? "NONE KNOWN"
                                         : absl::StrCat(status.leader(), ", ", TokenText(status))},
  };
  if (status.has_consensus()) {
    const v1::ConsensusStatus& consensus = status.consensus();
    std::string state = absl::StrCat(consensus.role(), " in term ", consensus.term());
    if (consensus.has_lease_remaining()) {
      absl::StrAppend(&state, ", lease for ", MillisecondsText(consensus.lease_remaining()));
    }
    rows.push_back({"consensus", state});
    rows.push_back(
        {"log", absl::StrCat("last ", consensus.last_index(), ", decided ",
                             consensus.commit_index(), ", applied ", consensus.applied_index())});
    for (const v1::ConsensusPeer& peer : consensus.peers()) {
      rows.push_back({absl::StrCat("peer ", peer.node()), PeerText(peer)});
    }
  }
  PrintOne(options, status, {"", ""}, rows);
  return absl::OkStatus();
}

absl::Status Transfer(const ClusterVerbs& verbs) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ClusterService>(verbs.options));
  v1::TransferLeadershipRequest request;
  request.set_node(verbs.node);
  v1::TransferLeadershipResponse response;
  RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
    return stub->TransferLeadership(&context, request, &response);
  }));
  PrintOne(verbs.options, response, {"LEADER", "AFTER"},
           {{response.leader(), MillisecondsText(response.elapsed())}});
  return absl::OkStatus();
}

absl::StatusOr<v1::HealthState> Health(const ClientOptions& options) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ClusterService>(options));
  v1::GetHealthResponse health;
  RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
    return stub->GetHealth(&context, {}, &health);
  }));
  const auto name = [](v1::HealthState state) {
    return EnumText(*v1::HealthState_descriptor(), state);
  };
  std::vector<Row> rows = {{name(health.state()), absl::StrCat("node ", health.node())}};
  for (const v1::HealthFinding& finding : health.findings()) {
    rows.push_back({absl::StrCat("  ", name(finding.state())), finding.reason()});
  }
  PrintOne(options, health, {"HEALTH", ""}, rows);
  return health.state();
}

}  // namespace

void AddClusterCommands(CLI::App& app, int& exit_code) {
  const auto verbs = std::make_shared<ClusterVerbs>();
  CLI::App& group =
      *app.add_subcommand("cluster", "Look at the nodes, change them, and choose which one ticks");
  group.require_subcommand(1);
  AddClientOptions(group, verbs->options);

  CLI::App* status = group.add_subcommand("status", "Shows who ticks, and how the peers do");
  status->callback(
      [verbs, &exit_code] { exit_code = Finish([&] { return Status(verbs->options); }); });

  CLI::App* transfer =
      group.add_subcommand("transfer", "Lets another node tick; ask the node that does");
  transfer->add_option("node", verbs->node, "Id of the node that shall tick; any by default");
  transfer->callback([verbs, &exit_code] { exit_code = Finish([&] { return Transfer(*verbs); }); });

  AddMemberCommands(group, verbs->options, exit_code);

  CLI::App* health = group.add_subcommand(
      "health", "Shows what is wrong; exit code 0 only if nothing is, 1 if something");
  health->callback([verbs, &exit_code] {
    v1::HealthState state = v1::HEALTH_STATE_UNSPECIFIED;
    exit_code = Finish([&]() -> absl::Status {
      ASSIGN_OR_RETURN(state, Health(verbs->options));
      return absl::OkStatus();
    });
    if (exit_code == kExitOk && state != v1::HEALTH_STATE_OK) exit_code = kExitFailure;
  });
}

}  // namespace z4j::scheduler
