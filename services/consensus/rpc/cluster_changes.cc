#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/consensus/limits.h"
#include "services/consensus/raft/member_changes.h"
#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/cluster_service.h"

// What operators change: members, who leads, and the epoch.
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

std::string NameOf(NodeId id) { return absl::StrCat("node ", id.value); }

// What cannot be done in a wish: the field that is wrong then, or why it may be right later.
struct Refusal {
  absl::string_view field;
  v1::FailureReason not_now;
};

grpc::Status PlanFailure(const absl::Status& refused, const Refusal& refusal) {
  switch (refused.code()) {
    case absl::StatusCode::kInvalidArgument:
      return FailedField(FieldError(refusal.field, refused.message()));
    case absl::StatusCode::kNotFound:
      return Failed(v1::FAILURE_REASON_NOT_FOUND, refused.message());
    case absl::StatusCode::kAlreadyExists:
      return Failed(v1::FAILURE_REASON_ALREADY_EXISTS, refused.message());
    case absl::StatusCode::kResourceExhausted:
      return Failed(v1::FAILURE_REASON_LIMIT, refused.message());
    default:
      return Failed(refusal.not_now, refused.message());
  }
}

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

// Asks the leader's own view what `plan`, StatusOr<ConfigChange>(const RaftStatus&), makes of it,
// and does that; no steps: it is done already.
template <typename Response, typename Plan>
grpc::ServerUnaryReactor* PlanAndChange(RpcContext& rpc, grpc::CallbackServerContext* context,
                                        Refusal refusal, Response* response, Plan plan) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const MonoTime deadline = DeadlineOf(rpc, *context);
  const absl::Status taken = rpc.node->Look([&rpc, deadline, reactor, response, refusal,
                                             plan = std::move(plan)](const CallResult& result,
                                                                     const Replica& replica) {
    if (result.fate != Fate::kDone) {
      return reactor->Finish(FailureOf(rpc, result, replica, /*overdue=*/false));
    }
    if (!replica.leadership()) {
      return reactor->Finish(NotLeaderFailure(rpc, replica.soft(), "this node does not lead"));
    }
    absl::StatusOr<ConfigChange> change = plan(replica.status());
    if (!change.ok()) return reactor->Finish(PlanFailure(change.status(), refusal));
    if (!change->steps.empty()) {
      return Change(rpc, deadline, reactor, *std::move(change), response);
    }
    SetHeader(rpc, replica.soft().term, replica.machine().revision(), response->mutable_header());
    reactor->Finish(grpc::Status::OK);
  });
  if (!taken.ok()) reactor->Finish(NotTaken(rpc, taken));
  return reactor;
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

void AnswerRaised(RpcContext& rpc, const Replica& replica, v1::RaiseTokensResponse* response) {
  SetHeader(rpc, replica.soft().term, replica.machine().revision(), response->mutable_header());
  response->set_epoch(static_cast<uint32_t>(replica.machine().epoch().value));
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
  return PlanAndChange(
      rpc_, context, Refusal{"peer_address", v1::FAILURE_REASON_CHANGE_IN_PROGRESS}, response,
      [id, member](const RaftStatus& raft) { return PlanAdd(raft, id, member, NameOf); });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::PromoteMember(grpc::CallbackServerContext* context,
                                                            const v1::PromoteMemberRequest* request,
                                                            v1::PromoteMemberResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const NodeId id{request->node_id()};
  if (const absl::Status status = CheckNode(id.value); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  return PlanAndChange(rpc_, context, Refusal{"node_id", v1::FAILURE_REASON_LAGGING}, response,
                       [id](const RaftStatus& raft) { return PlanPromote(raft, id, NameOf); });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::RemoveMember(grpc::CallbackServerContext* context,
                                                           const v1::RemoveMemberRequest* request,
                                                           v1::RemoveMemberResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const NodeId id{request->node_id()};
  if (const absl::Status status = CheckNode(id.value); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  return PlanAndChange(rpc_, context, Refusal{"node_id", v1::FAILURE_REASON_QUORUM_WOULD_BE_LOST},
                       response, [this, id](const RaftStatus& raft) {
                         return PlanRemove(raft, rpc_.options.identity.id, id, NameOf);
                       });
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

grpc::ServerUnaryReactor* ClusterServiceImpl::RaiseTokens(grpc::CallbackServerContext* context,
                                                          const v1::RaiseTokensRequest* request,
                                                          v1::RaiseTokensResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const MonoTime deadline = DeadlineOf(rpc_, *context);
  const uint64_t above = request->above();
  const absl::Status taken = rpc_.node->Look(
      [this, reactor, deadline, above, response](const CallResult& result, const Replica& replica) {
        if (result.fate != Fate::kDone) {
          return reactor->Finish(FailureOf(rpc_, result, replica, /*overdue=*/false));
        }
        if (!replica.leadership()) {
          return reactor->Finish(NotLeaderFailure(rpc_, replica.soft(), "this node does not lead"));
        }
        if (replica.machine().revision().value > above) {  // So is all that comes.
          AnswerRaised(rpc_, replica, response);
          return reactor->Finish(grpc::Status::OK);
        }
        ProposeFor(rpc_, deadline, std::nullopt, SetEpoch{{(above >> kEpochShift) + 1}},
                   [this, reactor, response](const grpc::Status& status, const Answer&,
                                             const Replica* raised) {
                     if (status.ok()) AnswerRaised(rpc_, *raised, response);
                     reactor->Finish(status);
                   });
      });
  if (!taken.ok()) reactor->Finish(NotTaken(rpc_, taken));
  return reactor;
}

}  // namespace z4j::consensus
