#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"
#include "services/consensus/cli/cluster_client.h"
#include "services/consensus/cli/commands.h"
#include "services/consensus/cli/text.h"

namespace z4j::consensus {
namespace {

absl::StatusOr<v1::ListMembersResponse> ListMembers(ClusterClient& cluster) {
  v1::ListMembersResponse response;
  RETURN_IF_ERROR(cluster.AskAny([&](ClusterClient::Stub& stub, grpc::ClientContext* context) {
    return stub.ListMembers(context, v1::ListMembersRequest(), &response);
  }));
  return response;
}

std::string AddressOf(const v1::Member& member) {
  return member.client_address().empty() ? member.peer_address() : member.client_address();
}

Row StatusRow(const std::string& address, const v1::GetStatusResponse& status) {
  std::string remarks;
  if (status.damaged()) remarks = "DAMAGED: give it a new directory, remove and add it";
  return {NodeText(status.header().node_id()),
          address,
          RoleText(status.role()),
          absl::StrCat(status.header().term()),
          NodeText(status.leader_id()),
          absl::StrCat(status.last_index()),
          absl::StrCat(status.commit_index()),
          absl::StrCat(status.applied_index()),
          status.has_uptime() ? DurationText(status.uptime()) : "",
          status.version(),
          remarks};
}

// Asks each member.  UNAVAILABLE, after what there is was printed, if one does not answer.
absl::Status Status(const ClusterOptions& options) {
  ASSIGN_OR_RETURN(const auto cluster, ClusterClient::Create(options));
  ASSIGN_OR_RETURN(const v1::ListMembersResponse members, ListMembers(*cluster));
  std::vector<std::unique_ptr<v1::GetStatusResponse>> answers;
  std::vector<const google::protobuf::Message*> messages;
  std::vector<Row> rows;
  std::vector<std::string> silent;
  for (const v1::Member& member : members.members()) {
    auto answer = std::make_unique<v1::GetStatusResponse>();
    const std::string address = AddressOf(member);
    const absl::Status asked =
        cluster->AskNode(address, [&](ClusterClient::Stub& stub, grpc::ClientContext* context) {
          return stub.GetStatus(context, v1::GetStatusRequest(), answer.get());
        });
    if (!asked.ok()) {
      rows.push_back({NodeText(member.node_id()), address, "no answer", "", "", "", "", "", "", "",
                      std::string(asked.message())});
      silent.push_back(NodeText(member.node_id()));
      continue;
    }
    rows.push_back(StatusRow(address, *answer));
    messages.push_back(answers.emplace_back(std::move(answer)).get());
  }
  PrintMany(options, messages,
            {"NODE", "ADDRESS", "ROLE", "TERM", "LEADER", "LAST", "COMMIT", "APPLIED", "UP",
             "VERSION", "REMARKS"},
            rows);
  if (silent.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("no answer from node ", absl::StrJoin(silent, ", ")));
}

absl::Status Members(const ClusterOptions& options) {
  ASSIGN_OR_RETURN(const auto cluster, ClusterClient::Create(options));
  ASSIGN_OR_RETURN(const v1::ListMembersResponse members, ListMembers(*cluster));
  std::vector<Row> rows;
  for (const v1::Member& member : members.members()) {
    rows.push_back({NodeText(member.node_id()), AddressOf(member), RoleText(member.role()),
                    member.node_id() == members.leader_id() ? "leads" : "",
                    member.incarnation() == 0 ? "not met yet" : NumberText(member.incarnation())});
  }
  PrintOne(options, members, {"NODE", "ADDRESS", "ROLE", "LEADER", "INCARNATION"}, rows);
  return absl::OkStatus();
}

// FAILED_PRECONDITION if the node is not well.
absl::Status Health(const ClusterOptions& options) {
  ASSIGN_OR_RETURN(const auto cluster, ClusterClient::Create(options));
  v1::GetHealthResponse health;
  RETURN_IF_ERROR(cluster->AskAny([&](ClusterClient::Stub& stub, grpc::ClientContext* context) {
    return stub.GetHealth(context, v1::GetHealthRequest(), &health);
  }));
  std::vector<Row> rows = {
      {"ready", health.ready() ? "yes" : "no"},
      {"role", RoleText(health.role())},
      {"leader", NodeText(health.leader_id())},
      {"applied", absl::StrCat(health.apply_lag_entries(), " entries behind")},
      {"fsync", absl::StrCat("p50 ", DurationText(health.fsync_p50()), ", p99 ",
                             DurationText(health.fsync_p99()))},
      {"disk", absl::StrCat(health.disk_free_bytes() >> 20, " MiB free")},
  };
  for (const v1::PeerStatus& peer : health.peers()) {
    rows.push_back(
        {absl::StrCat("node ", peer.node_id()),
         absl::StrCat(peer.lag_entries(), " entries behind",
                      peer.has_round_trip()
                          ? absl::StrCat(", round trip ", DurationText(peer.round_trip()))
                          : "")});
  }
  for (const std::string& alarm : health.alarms()) rows.push_back({"ALARM", alarm});
  PrintOne(options, health, {"", ""}, rows);
  if (health.ready()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the node is not ready: ", absl::StrJoin(health.alarms(), "; ")));
}

void AddVerb(CLI::App& app, int& exit_code, const std::string& name, const std::string& help,
             absl::Status (*run)(const ClusterOptions&)) {
  const auto options = std::make_shared<ClusterOptions>();
  CLI::App* verb = app.add_subcommand(name, help);
  AddClusterOptions(*verb, *options);
  verb->callback([=, &exit_code] { exit_code = Finish([&] { return run(*options); }); });
}

}  // namespace

void AddStatusCommands(CLI::App& app, int& exit_code) {
  AddVerb(app, exit_code, "status", "Shows what each member of the cluster does", Status);
  AddVerb(app, exit_code, "members", "Lists the members, as one node knows them", Members);
  AddVerb(app, exit_code, "health",
          "Shows how one node does; ends with 0 if it is ready, with 6 if not", Health);
}

}  // namespace z4j::consensus
