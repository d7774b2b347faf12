// How the members of the consensus in this process are changed; see embedded_consensus.h.
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/member_changes.h"
#include "services/consensus/server/consensus_server.h"
#include "services/scheduler/config_consensus.h"
#include "services/scheduler/embedded_consensus.h"
#include "services/scheduler/node_call.h"

namespace z4j::scheduler {
namespace {

using consensus::CallResult;
using consensus::Config;
using consensus::ConfigChange;
using consensus::Fate;
using consensus::Node;
using consensus::NodeId;
using consensus::NodeStatus;
using Verb = MemberWish::Verb;

// How soon it is tried again while a change that Raft makes by itself is under way.
constexpr absl::Duration kBusyPause = absl::Milliseconds(20);

const char* ActionOf(Verb verb) {
  switch (verb) {
    case Verb::kAdd:
      return "member.add";
    case Verb::kPromote:
      return "member.promote";
    case Verb::kRemove:
      return "member.remove";
  }
  return "";
}

std::string MemberJson(const std::string& name, NodeId id, const std::string& address, bool votes) {
  return nlohmann::json(
             {{"node", name}, {"number", id.value}, {"address", address}, {"votes", votes}})
      .dump();
}

// The wish is wrong in the field that it speaks of.
absl::Status InField(const char* field, const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? FieldError(field, status.message()) : status;
}

absl::Status NotMade(const CallResult& result) {
  switch (result.fate) {
    case Fate::kInvalid:
      return absl::InvalidArgumentError(result.detail);
    case Fate::kBusy:
      return absl::FailedPreconditionError(absl::StrCat("not now: ", result.detail));
    case Fate::kNotLeader:
    case Fate::kDropped:
      return absl::FailedPreconditionError("another node leads since; ask that one");
    case Fate::kDone:
    case Fate::kUnknown:
      break;
  }
  return absl::UnavailableError(absl::StrCat("it is not known whether the change was made (",
                                             result.detail, "); look at the members"));
}

}  // namespace

// A wish, as it stands at this moment.
struct EmbeddedConsensus::MemberPlan {
  ConfigChange change;  // Without steps: it is so already.
  RecordClusterChange entry;
};

absl::StatusOr<uint64_t> EmbeddedConsensus::NumberOfMember(const std::string& node) const {
  const uint32_t number = ConsensusNumberOf(node);
  if (number == 0) {
    return FieldError("node", absl::StrCat("'", node, "' does not end in a node's number, as ",
                                           config_.node_id, " does"));
  }
  const std::string name = NameOf(number), bare = absl::StrCat(number);
  if (node == name || node == bare || name == bare) return number;
  return FieldError(
      "node",
      absl::StrCat("'", node, "' has another name than its number says: ", number, " is ", name));
}

absl::StatusOr<EmbeddedConsensus::MemberPlan> EmbeddedConsensus::PlanMembers(
    const MemberWish& wish, consensus::ConsensusServer& server) const {
  ASSIGN_OR_RETURN(const uint64_t number, NumberOfMember(wish.node));
  const NodeId id{number}, self = server.identity().id;
  const NodeStatus status = server.node().Status();
  if (!server.node().leadership()) {
    const NodeId leader = status.raft.soft.leader;
    return absl::FailedPreconditionError(
        !leader || leader == self
            ? "no node leads now; try again"
            : absl::StrCat("this node does not lead; ask ", NameOf(leader.value)));
  }
  const consensus::NameOfNode name = [this](NodeId node) { return NameOf(node.value); };
  const Config& config = status.raft.config;
  MemberPlan plan;
  plan.entry.action = ActionOf(wish.verb);
  plan.entry.resource = absl::StrCat("cluster/members/", name(id));
  const auto member = config.members.find(id);
  if (member != config.members.end()) {
    plan.entry.before =
        MemberJson(name(id), id, member->second.address, config.voters.contains(id));
  }
  absl::StatusOr<ConfigChange> change;
  switch (wish.verb) {
    case Verb::kAdd:
      if (!IsConsensusAddress(wish.address)) {
        return FieldError("address", absl::StrCat("'", wish.address,
                                                  "' is no address; write one such as "
                                                  "10.0.0.4:7803, where the others reach it"));
      }
      change = PlanAdd(status.raft, id, {wish.address, {}}, name);
      plan.entry.after = MemberJson(name(id), id, wish.address, /*votes=*/false);
      break;
    case Verb::kPromote:
      change = PlanPromote(status.raft, id, name);
      if (!change.ok()) break;
      plan.entry.after = MemberJson(name(id), id, member->second.address, /*votes=*/true);
      break;
    case Verb::kRemove:
      change = PlanRemove(status.raft, self, id, name);
      if (change.ok() && id == self) {
        change = absl::FailedPreconditionError(
            absl::StrCat(name(id),
                         " ticks now: let another node do that first, with "
                         "'z4j-scheduler cluster transfer', and ask that one"));
      }
      break;
  }
  if (!change.ok()) {
    return InField(wish.verb == Verb::kAdd ? "address" : "node", change.status());
  }
  plan.change = *std::move(change);
  return plan;
}

absl::Status EmbeddedConsensus::ChangeMembers(const MemberWish& wish, MonoTime deadline,
                                              RecordChange record) {
  std::optional<RecordClusterChange> recorded;
  while (true) {
    const auto server = this->server();
    if (server == nullptr) return absl::FailedPreconditionError("the consensus does not run");
    const absl::StatusOr<MemberPlan> plan = PlanMembers(wish, *server);
    if (!plan.ok()) return plan.status();
    if (plan->change.steps.empty()) return absl::OkStatus();
    if (plan->entry != recorded) {
      RETURN_IF_ERROR(record(plan->entry));
      recorded = plan->entry;
    }
    ASSIGN_OR_RETURN(const CallResult result, AwaitCall([&](Node::OnDone done) {
                       return server->node().Change(plan->change, deadline, std::move(done));
                     }));
    if (result.fate == Fate::kDone) return absl::OkStatus();
    // The leader completes by itself what was changed last, and what it learns of a node.
    if (result.fate != Fate::kBusy || clock_.MonoNow() + kBusyPause >= deadline) {
      return NotMade(result);
    }
    absl::SleepFor(kBusyPause);
  }
}

}  // namespace z4j::scheduler
