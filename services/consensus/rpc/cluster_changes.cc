#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/consensus/limits.h"
#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/cluster_service.h"

// What operators change: members, and who leads.
namespace z4j::consensus {
namespace {

absl::Status CheckNode(uint64_t node_id) {
  if (node_id > 0) return absl::OkStatus();
  return FieldError("node_id", "is 0; members have numbers from 1 on");
}

absl::Status CheckAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  const bool good = colon != std::string::npos && colon > 0 && colon + 1 < address.size();
  if (good && address.size() <= kNameBytesMax) return absl::OkStatus();
  return FieldError("peer_address", absl::StrCat("\"", address.substr(0, 100),
                                                 "\" is no address; write \"host:port\""));
}

grpc::Status NoMember(NodeId id) {
  return Failed(v1::FAILURE_REASON_NOT_FOUND, absl::StrCat("there is no member ", id.value));
}

// A change as the leader sees it when it is asked: done already (OK), impossible, or to be made.
using Decision = std::variant<grpc::Status, ConfigChange>;

grpc::Status ChangeFailure(const RpcContext& rpc, const CallResult& result, const Replica& replica,
                           bool overdue) {
  switch (result.fate) {
    case Fate::kInvalid:
      return FailedField(FieldError("node_id", result.detail));
    case Fate::kBusy:
      return Failed(v1::FAILURE_REASON_CHANGE_IN_PROGRESS, result.detail);
    default:
      return FailureOf(rpc, result, replica, overdue);
  }
}

template <typename Response>
void Change(RpcContext& rpc, MonoTime deadline, grpc::ServerUnaryReactor* reactor,
            ConfigChange change, Response* response) {
  const absl::Status taken = rpc.node->Change(
      std::move(change), deadline,
      [&rpc, deadline, reactor, response](const CallResult& result, const Replica& replica) {
        if (result.fate != Fate::kDone) {
          const bool overdue = rpc.clock.MonoNow() >= deadline;
          return reactor->Finish(ChangeFailure(rpc, result, replica, overdue));
        }
        SetHeader(rpc, replica.soft().term, replica.machine().revision(),
                  response->mutable_header());
        reactor->Finish(grpc::Status::OK);
      });
  if (!taken.ok()) reactor->Finish(NotTaken(rpc, taken));
}

// Asks the leader's own view what `decide`, Decision(const RaftStatus&), makes of it, and does
// that.
template <typename Response, typename Decide>
grpc::ServerUnaryReactor* DecideAndChange(RpcContext& rpc, grpc::CallbackServerContext* context,
                                          Response* response, Decide decide) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const MonoTime deadline = DeadlineOf(rpc, *context);
  const absl::Status taken = rpc.node->Look([&rpc, deadline, reactor, response,
                                             decide = std::move(decide)](const CallResult& result,
                                                                         const Replica& replica) {
    if (result.fate != Fate::kDone) {
      return reactor->Finish(FailureOf(rpc, result, replica, /*overdue=*/false));
    }
    if (!replica.leadership()) {
      return reactor->Finish(NotLeaderFailure(rpc, replica.soft(), "this node does not lead"));
    }
    Decision decision = decide(replica.status());
    if (auto* change = std::get_if<ConfigChange>(&decision)) {
      return Change(rpc, deadline, reactor, std::move(*change), response);
    }
    SetHeader(rpc, replica.soft().term, replica.machine().revision(), response->mutable_header());
    reactor->Finish(std::get<grpc::Status>(decision));
  });
  if (!taken.ok()) reactor->Finish(NotTaken(rpc, taken));
  return reactor;
}

Decision DecideAdd(const RaftStatus& raft, NodeId id, const Member& member) {
  if (raft.config.IsMember(id)) {
    return Failed(v1::FAILURE_REASON_ALREADY_EXISTS,
                  absl::StrCat("node ", id.value, " is a member already"));
  }
  if (raft.config.members.size() >= kMembersMax) {
    return Failed(v1::FAILURE_REASON_LIMIT,
                  absl::StrCat("there are ", kMembersMax, " members; no more are allowed"));
  }
  return ConfigChange{{{ConfigStep::Kind::kAddLearner, id, member}}};
}

Decision DecidePromote(const RaftStatus& raft, NodeId id) {
  if (!raft.config.IsMember(id)) return NoMember(id);
  if (raft.config.voters.contains(id)) return grpc::Status::OK;
  const auto peer = std::find_if(raft.peers.begin(), raft.peers.end(),
                                 [id](const PeerStatus& it) { return it.id == id; });
  if (peer == raft.peers.end() || !peer->recently_active) {
    return Failed(v1::FAILURE_REASON_LAGGING,
                  absl::StrCat("node ", id.value, " does not answer; promote it when it does"));
  }
  if (const uint64_t lag = raft.last - peer->match; lag > kPromoteLagEntriesMax) {
    return Failed(v1::FAILURE_REASON_LAGGING,
                  absl::StrCat("node ", id.value, " lacks ", lag, " entries; at most ",
                               kPromoteLagEntriesMax, " may be missing"));
  }
  return ConfigChange{{{ConfigStep::Kind::kAddVoter, id, {}}}};
}

Decision DecideRemove(const RaftStatus& raft, NodeId id) {
  if (!raft.config.IsMember(id)) return NoMember(id);
  return ConfigChange{{{ConfigStep::Kind::kRemove, id, {}}}};
}

grpc::Status TransferFailure(const RpcContext& rpc, const CallResult& result,
                             const Replica& replica) {
  switch (result.fate) {
    case Fate::kInvalid:
      return Failed(v1::FAILURE_REASON_NOT_A_VOTER, result.detail);
    case Fate::kBusy:
      if (replica.status().transferring_to) {
        return Failed(v1::FAILURE_REASON_CHANGE_IN_PROGRESS, result.detail);
      }
      return Failed(v1::FAILURE_REASON_NO_QUORUM, result.detail);
    case Fate::kUnknown:
      return Failed(v1::FAILURE_REASON_NO_QUORUM,
                    "the other node did not take over in time; this one leads on");
    default:
      return FailureOf(rpc, result, replica, /*overdue=*/false);
  }
}

}  // namespace

grpc::ServerUnaryReactor* ClusterServiceImpl::AddLearner(grpc::CallbackServerContext* context,
                                                         const v1::AddLearnerRequest* request,
                                                         v1::AddLearnerResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  absl::Status status = CheckNode(request->node_id());
  if (status.ok()) status = CheckAddress(request->peer_address());
  if (!status.ok()) return Refuse(context, FailedField(status));
  const NodeId id{request->node_id()};
  const Member member{request->peer_address(), {request->incarnation()}};
  return DecideAndChange(rpc_, context, response, [id, member](const RaftStatus& raft) {
    return DecideAdd(raft, id, member);
  });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::PromoteMember(grpc::CallbackServerContext* context,
                                                            const v1::PromoteMemberRequest* request,
                                                            v1::PromoteMemberResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const NodeId id{request->node_id()};
  if (const absl::Status status = CheckNode(id.value); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  return DecideAndChange(rpc_, context, response,
                         [id](const RaftStatus& raft) { return DecidePromote(raft, id); });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::RemoveMember(grpc::CallbackServerContext* context,
                                                           const v1::RemoveMemberRequest* request,
                                                           v1::RemoveMemberResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const NodeId id{request->node_id()};
  if (const absl::Status status = CheckNode(id.value); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  return DecideAndChange(rpc_, context, response,
                         [id](const RaftStatus& raft) { return DecideRemove(raft, id); });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::TransferLeader(
    grpc::CallbackServerContext* context, const v1::TransferLeaderRequest* request,
    v1::TransferLeaderResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // Raft gives a hand-over up after an election timeout; the other then has another to be heard.
  const MonoTime deadline = std::min(DeadlineOf(rpc_, *context),
                                     rpc_.clock.MonoNow() + 2 * rpc_.node->election_timeout());
  const absl::Status taken = rpc_.node->Transfer(
      NodeId{request->node_id()}, deadline,
      [this, reactor, request, response](const CallResult& result, const Replica& replica) {
        const bool itself = NodeId{request->node_id()} == rpc_.options.identity.id;
        const bool leads_already = itself && replica.leadership();
        if (result.fate != Fate::kDone && !leads_already) {
          return reactor->Finish(TransferFailure(rpc_, result, replica));
        }
        SetHeader(rpc_, replica.soft().term, replica.machine().revision(),
                  response->mutable_header());
        response->set_leader_id(replica.soft().leader.value);
        reactor->Finish(grpc::Status::OK);
      });
  if (!taken.ok()) reactor->Finish(NotTaken(rpc_, taken));
  return reactor;
}

}  // namespace z4j::consensus
