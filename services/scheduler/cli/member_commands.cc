#include <cstdio>
#include <memory>

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

using ClusterStub = v1::ClusterService::Stub;
using Members = google::protobuf::RepeatedPtrField<v1::ConsensusPeer>;

struct MemberVerbs {
  ClientOptions* options = nullptr;
  std::string node, address;
};

std::string StateOf(const v1::ConsensusPeer& member) {
  if (member.leader()) return "leads";
  if (member.folder_lost()) return "LOST ITS FOLDER: remove it and add it again";
  if (!member.has_reachable()) return "";
  if (!member.reachable()) return "DOES NOT ANSWER";
  return absl::StrCat("answers, lags ", member.lag_entries(), " entries");
}

// "n1, n2 vote"; one that must not fail is said so.
std::string VotersText(const Members& members) {
  std::vector<std::string> voters;
  for (const v1::ConsensusPeer& member : members) {
    if (member.voter()) voters.push_back(member.node());
  }
  return absl::StrCat(absl::StrJoin(voters, ", "), voters.size() == 1 ? " votes" : " vote",
                      voters.size() == 2 ? "; neither may fail until there is a third" : "");
}

// The list that a node is started with.
std::string PeersText(const Members& members) {
  return absl::StrJoin(members, ",", [](std::string* out, const v1::ConsensusPeer& member) {
    absl::StrAppend(out, member.node(), "=", member.address());
  });
}

// The answer as JSON, or a sentence for people.
void Say(const MemberVerbs& verbs, const google::protobuf::Message& response,
         const std::string& sentence) {
  if (verbs.options->output == "table") {
    std::printf("%s\n", sentence.c_str());
  } else {
    PrintOne(*verbs.options, response, {}, {});
  }
}

// Calls `rpc` at the server.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(const MemberVerbs& verbs, const Request& request,
                              grpc::Status (ClusterStub::*rpc)(grpc::ClientContext*, const Request&,
                                                               Response*)) {
  ASSIGN_OR_RETURN(const auto stub, StubOf<v1::ClusterService>(*verbs.options));
  Response response;
  RETURN_IF_ERROR(Invoke(*verbs.options, [&](grpc::ClientContext& context) {
    return (stub.get()->*rpc)(&context, request, &response);
  }));
  return response;
}

absl::Status List(const MemberVerbs& verbs) {
  ASSIGN_OR_RETURN(const auto response,
                   Call(verbs, v1::ListMembersRequest(), &ClusterStub::ListMembers));
  std::vector<Row> rows;
  for (const v1::ConsensusPeer& member : response.members()) {
    rows.push_back(
        {member.node(), member.address(), member.voter() ? "yes" : "not yet", StateOf(member)});
  }
  PrintOne(*verbs.options, response, {"NODE", "ADDRESS", "VOTES", "STATE"}, rows);
  return absl::OkStatus();
}

absl::Status Add(const MemberVerbs& verbs) {
  v1::AddMemberRequest request;
  request.set_node(verbs.node);
  request.set_address(verbs.address);
  ASSIGN_OR_RETURN(const auto response, Call(verbs, request, &ClusterStub::AddMember));
  Say(verbs, response,
      absl::StrCat(verbs.node,
                   " receives the log and does not vote yet.  If it does not run, start ",
                   "it with an empty folder, and with these besides its other settings:\n",
                   "  z4j-scheduler serve --node-id ", verbs.node, " --consensus-join ",
                   "--consensus-peers ", PeersText(response.members()),
                   "\nIts vote, once it has caught up:\n  z4j-scheduler cluster promote ",
                   verbs.node, " --server ", verbs.options->server));
  return absl::OkStatus();
}

absl::Status Promote(const MemberVerbs& verbs) {
  v1::PromoteMemberRequest request;
  request.set_node(verbs.node);
  ASSIGN_OR_RETURN(const auto response, Call(verbs, request, &ClusterStub::PromoteMember));
  Say(verbs, response, VotersText(response.members()));
  return absl::OkStatus();
}

absl::Status Remove(const MemberVerbs& verbs) {
  v1::RemoveMemberRequest request;
  request.set_node(verbs.node);
  ASSIGN_OR_RETURN(const auto response, Call(verbs, request, &ClusterStub::RemoveMember));
  Say(verbs, response,
      absl::StrCat(verbs.node, " is no member any more; stop it, and empty its consensus folder ",
                   "before it is added again.\n", VotersText(response.members())));
  return absl::OkStatus();
}

}  // namespace

void AddMemberCommands(CLI::App& group, ClientOptions& options, int& exit_code) {
  const auto verbs = std::make_shared<MemberVerbs>();
  verbs->options = &options;
  const auto add_verb = [&](const char* name, const char* help,
                            absl::Status (*run)(const MemberVerbs&)) {
    CLI::App* verb = group.add_subcommand(name, help);
    verb->callback([=, &exit_code] { exit_code = Finish([&] { return run(*verbs); }); });
    return verb;
  };
  add_verb("members", "Lists the members of the schedulers' own consensus", List);

  CLI::App* add = add_verb(
      "add",
      "Adds a new node, or one that lost its folder and was removed; ask the node that ticks", Add);
  add->add_option("node", verbs->node, "Its name, which ends in its number: n4")->required();
  add->add_option("address", verbs->address,
                  "Its host:port for the other nodes, as among its --consensus-peers")
      ->required();

  CLI::App* promote =
      add_verb("promote", "Gives an added node its vote; ask the node that ticks", Promote);
  promote->add_option("node", verbs->node, "Its name, or its number")->required();

  CLI::App* remove =
      add_verb("remove", "Removes a node, dead or alive; ask the node that ticks", Remove);
  remove->add_option("node", verbs->node, "Its name, or its number")->required();
}

}  // namespace z4j::scheduler
