#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/cli/cluster_client.h"
#include "services/consensus/cli/commands.h"

namespace z4j::consensus {
namespace {

struct MemberVerb {
  ClusterOptions options;
  uint64_t node = 0;
  std::string address;
};

// The answer as JSON, or a sentence for people.
void Say(const MemberVerb& verb, const google::protobuf::Message& response,
         const std::string& sentence) {
  if (verb.options.output == "table") {
    std::printf("%s\n", sentence.c_str());
  } else {
    PrintOne(verb.options, response, {}, {});
  }
}

// Sends `request`, about the verb's node, to the leader by `call`.
template <typename Request, typename Response>
absl::StatusOr<Response> Ask(const MemberVerb& verb, Request request,
                             grpc::Status (ClusterClient::Stub::*call)(grpc::ClientContext*,
                                                                       const Request&, Response*)) {
  ASSIGN_OR_RETURN(const auto cluster, ClusterClient::Create(verb.options));
  request.set_node_id(verb.node);
  Response response;
  RETURN_IF_ERROR(cluster->AskLeader([&](ClusterClient::Stub& stub, grpc::ClientContext* context) {
    return (stub.*call)(context, request, &response);
  }));
  return response;
}

absl::Status Add(const MemberVerb& verb) {
  v1::AddLearnerRequest request;
  request.set_peer_address(verb.address);
  ASSIGN_OR_RETURN(const auto response, Ask(verb, request, &ClusterClient::Stub::AddLearner));
  Say(verb, response,
      absl::StrCat("node ", verb.node, " receives the log.  If it does not run yet:\n  ",
                   "z4j-consensus serve --node-id ", verb.node, " --listen ", verb.address,
                   " --join ", verb.options.server, "\nIts vote, once it has caught up:\n  ",
                   "z4j-consensus promote ", verb.node, " --server ", verb.options.server));
  return absl::OkStatus();
}

absl::Status Promote(const MemberVerb& verb) {
  ASSIGN_OR_RETURN(const auto response,
                   Ask(verb, v1::PromoteMemberRequest(), &ClusterClient::Stub::PromoteMember));
  Say(verb, response, absl::StrCat("node ", verb.node, " votes"));
  return absl::OkStatus();
}

absl::Status Remove(const MemberVerb& verb) {
  ASSIGN_OR_RETURN(const auto response,
                   Ask(verb, v1::RemoveMemberRequest(), &ClusterClient::Stub::RemoveMember));
  Say(verb, response,
      absl::StrCat("node ", verb.node, " is no member any more; stop it.  To come back it needs a ",
                   "new directory, and to be added."));
  return absl::OkStatus();
}

absl::Status Transfer(const MemberVerb& verb) {
  ASSIGN_OR_RETURN(const auto response,
                   Ask(verb, v1::TransferLeaderRequest(), &ClusterClient::Stub::TransferLeader));
  Say(verb, response, absl::StrCat("node ", response.leader_id(), " leads"));
  return absl::OkStatus();
}

std::shared_ptr<MemberVerb> AddVerb(CLI::App& app, int& exit_code, CLI::App** added,
                                    const std::string& name, const std::string& help,
                                    absl::Status (*run)(const MemberVerb&)) {
  const auto verb = std::make_shared<MemberVerb>();
  *added = app.add_subcommand(name, help);
  AddClusterOptions(**added, verb->options);
  (*added)->callback([=, &exit_code] { exit_code = Finish([&] { return run(*verb); }); });
  return verb;
}

}  // namespace

void AddMemberCommands(CLI::App& app, int& exit_code) {
  CLI::App* command = nullptr;
  auto verb = AddVerb(app, exit_code, &command, "add",
                      "Adds a node that receives the log and has no vote yet", Add);
  command->add_option("node", verb->node, "Its number; one that no member has")
      ->required()
      ->check(CLI::PositiveNumber);
  command->add_option("address", verb->address, "Its host:port")->required();

  verb = AddVerb(app, exit_code, &command, "promote", "Gives an added node its vote", Promote);
  command->add_option("node", verb->node, "Its number")->required();

  verb = AddVerb(app, exit_code, &command, "remove", "Removes a member, dead or alive", Remove);
  command->add_option("node", verb->node, "Its number")->required();

  verb = AddVerb(app, exit_code, &command, "transfer", "Hands the leadership over", Transfer);
  command->add_option("node", verb->node, "To whom; without it, to who lags least");
}

}  // namespace z4j::consensus
