#include "services/consensus/client/consensus_client.h"

#include <algorithm>
#include <utility>

#include "services/consensus/client/failure.h"
#include "services/consensus/client/typed_call.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"
#include "z4j/consensus/v1/election.grpc.pb.h"
#include "z4j/consensus/v1/kv.grpc.pb.h"
#include "z4j/consensus/v1/lock.grpc.pb.h"

namespace z4j::consensus::client {
namespace {

using v1::ClusterService;
using v1::ElectionService;
using v1::KvService;
using v1::LockService;

// Any member answers.
CallPlan ReadPlan(const CallOptions& call) {
  CallPlan plan;
  plan.leader_only = false;
  plan.options = call;
  return plan;
}

// Takes its time, and must not be done twice.
CallPlan ChangePlan(const CallOptions& call) {
  CallPlan plan;
  plan.repeat = Repeat::kIfNotDone;
  plan.waits = true;
  plan.options = call;
  return plan;
}

}  // namespace

ConsensusClient::ConsensusClient(Connection& connection) : connection_(connection) {}

std::optional<ConsensusClient::Number> ConsensusClient::BeginMutation() {
  const uint64_t fresh = std::max<uint64_t>(connection_.NextSeed(), 1);
  const MonoTime now = connection_.clock().MonoNow();
  absl::MutexLock lock(&mu_);
  const bool stale = ids_.idle() && now - last_used_ > kClientIdTrusted;
  if (client_id_ == 0 || stale) {
    client_id_ = fresh;
    ids_ = {};
  }
  const std::optional<RequestNumber> number = ids_.Begin();
  if (!number.has_value()) return std::nullopt;
  return Number{client_id_, *number};
}

void ConsensusClient::EndMutation(const Number& number, bool forgotten) {
  const MonoTime now = connection_.clock().MonoNow();
  absl::MutexLock lock(&mu_);
  if (number.client_id != client_id_) return;
  ids_.End(number.number.sequence);
  last_used_ = now;
  if (forgotten) client_id_ = 0;
}

template <typename Stub, typename Request, typename Response>
Result<Response> ConsensusClient::Mutate(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                                         Request request, const CallOptions& call) {
  CallPlan plan;
  plan.options = call;
  while (true) {
    const std::optional<Number> number = BeginMutation();
    if (!number.has_value()) {
      return Failure{.outcome = Outcome::kNotDone,
                     .reason = Reason::kLimit,
                     .status = absl::ResourceExhaustedError("too many mutations are under way")};
    }
    request.mutable_request_id()->set_client_id(number->client_id);
    request.mutable_request_id()->set_sequence(number->number.sequence);
    request.mutable_request_id()->set_first_outstanding(number->number.first_outstanding);
    const Result<Response> result = TypedCall(connection_, plan, method, request);
    const bool forgotten = !result.ok() && result.failure().reason == Reason::kSessionLost;
    // One that nobody knows about may yet come to the cluster, under a number used up here.
    EndMutation(*number, forgotten);
    // Whom the cluster has forgotten takes another number; unless it may have been done before.
    if (!forgotten || result.failure().outcome == Outcome::kUnknown) return result;
  }
}

Result<v1::PutResponse> ConsensusClient::Put(v1::PutRequest request, const CallOptions& call) {
  return Mutate(&KvService::Stub::Put, std::move(request), call);
}

Result<v1::DeleteResponse> ConsensusClient::Delete(v1::DeleteRequest request,
                                                   const CallOptions& call) {
  return Mutate(&KvService::Stub::Delete, std::move(request), call);
}

Result<v1::TxnResponse> ConsensusClient::Txn(v1::TxnRequest request, const CallOptions& call) {
  return Mutate(&KvService::Stub::Txn, std::move(request), call);
}

Result<v1::ForceReleaseLockResponse> ConsensusClient::ForceReleaseLock(
    v1::ForceReleaseLockRequest request, const CallOptions& call) {
  return Mutate(&LockService::Stub::ForceReleaseLock, std::move(request), call);
}

Result<v1::GetResponse> ConsensusClient::Get(const v1::GetRequest& request,
                                             const CallOptions& call) {
  return TypedCall(connection_, ReadPlan(call), &KvService::Stub::Get, request);
}

Result<v1::ListResponse> ConsensusClient::List(const v1::ListRequest& request,
                                               const CallOptions& call) {
  return TypedCall(connection_, ReadPlan(call), &KvService::Stub::List, request);
}

Result<v1::GetLeaderResponse> ConsensusClient::GetLeader(const v1::GetLeaderRequest& request,
                                                         const CallOptions& call) {
  return TypedCall(connection_, ReadPlan(call), &ElectionService::Stub::GetLeader, request);
}

Result<v1::GetLockResponse> ConsensusClient::GetLock(const v1::GetLockRequest& request,
                                                     const CallOptions& call) {
  return TypedCall(connection_, ReadPlan(call), &LockService::Stub::GetLock, request);
}

Result<v1::ListMembersResponse> ConsensusClient::ListMembers(const CallOptions& call) {
  return TypedCall(connection_, ReadPlan(call), &ClusterService::Stub::ListMembers,
                   v1::ListMembersRequest());
}

Result<v1::AddLearnerResponse> ConsensusClient::AddLearner(const v1::AddLearnerRequest& request,
                                                           const CallOptions& call) {
  return TypedCall(connection_, ChangePlan(call), &ClusterService::Stub::AddLearner, request);
}

Result<v1::PromoteMemberResponse> ConsensusClient::PromoteMember(
    const v1::PromoteMemberRequest& request, const CallOptions& call) {
  return TypedCall(connection_, ChangePlan(call), &ClusterService::Stub::PromoteMember, request);
}

Result<v1::RemoveMemberResponse> ConsensusClient::RemoveMember(
    const v1::RemoveMemberRequest& request, const CallOptions& call) {
  return TypedCall(connection_, ChangePlan(call), &ClusterService::Stub::RemoveMember, request);
}

Result<v1::TransferLeaderResponse> ConsensusClient::TransferLeader(
    const v1::TransferLeaderRequest& request, const CallOptions& call) {
  CallPlan plan = ChangePlan(call);
  plan.leader_only = false;  // Whoever did it leads no more.
  return TypedCall(connection_, plan, &ClusterService::Stub::TransferLeader, request);
}

Result<v1::RaiseTokensResponse> ConsensusClient::RaiseTokens(const v1::RaiseTokensRequest& request,
                                                             const CallOptions& call) {
  CallPlan plan;
  plan.options = call;
  return TypedCall(connection_, plan, &ClusterService::Stub::RaiseTokens, request);
}

Result<v1::GetStatusResponse> ConsensusClient::GetStatus(const std::string& endpoint,
                                                         const CallOptions& call) {
  return TypedCallNode(connection_, endpoint, call, &ClusterService::Stub::GetStatus,
                       v1::GetStatusRequest());
}

Result<v1::GetHealthResponse> ConsensusClient::GetHealth(const std::string& endpoint,
                                                         const CallOptions& call) {
  return TypedCallNode(connection_, endpoint, call, &ClusterService::Stub::GetHealth,
                       v1::GetHealthRequest());
}

Result<v1::CheckHashResponse> ConsensusClient::CheckHash(const std::string& endpoint,
                                                         const CallOptions& call) {
  return TypedCallNode(connection_, endpoint, call, &ClusterService::Stub::CheckHash,
                       v1::CheckHashRequest());
}

Result<Done> ConsensusClient::SaveSnapshot(
    const std::string& endpoint, const CallOptions& call,
    const std::function<absl::Status(const std::string& data)>& take) {
  absl::Status taken;
  uint64_t wanted = 0, got = 0;
  const Result<Done> done = connection_.CallNode(
      endpoint, call,
      [&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
        ClusterService::Stub stub(channel);
        const auto stream = stub.SaveSnapshot(context, v1::SaveSnapshotRequest());
        v1::SaveSnapshotResponse piece;
        while (taken.ok() && stream->Read(&piece)) {
          if (got == 0) wanted = piece.size_bytes();
          got += piece.data().size();
          taken = take(piece.data());
        }
        if (!taken.ok()) context->TryCancel();
        return stream->Finish();
      });
  Failure failure{.outcome = Outcome::kNotDone, .status = taken};
  if (!taken.ok()) return failure;
  if (!done.ok()) return done.failure();
  if (got == wanted) return Done{};
  failure.status = absl::UnavailableError("the snapshot ended early");
  return failure;
}

}  // namespace z4j::consensus::client
