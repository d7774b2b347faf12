#include "services/consensus/rpc/election_service.h"

#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/grant_call.h"
#include "services/consensus/rpc/observe_stream.h"

namespace z4j::consensus {

grpc::ServerUnaryReactor* ElectionServiceImpl::Campaign(grpc::CallbackServerContext* context,
                                                        const v1::CampaignRequest* request,
                                                        v1::CampaignResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  absl::StatusOr<absl::Duration> wait = absl::InfiniteDuration();
  if (request->has_wait()) wait = DurationOf("wait", request->wait());
  if (!wait.ok()) return Refuse(context, FailedField(wait.status()));
  Enter enter{ClaimKind::kElection, request->name(), request->value(), *wait};
  const auto fill = [request, response](Token token) {
    v1::Leader& leader = *response->mutable_leader();
    leader.set_name(request->name());
    leader.set_token(token.value);
    leader.set_session_id(request->request_id().session_id());
    leader.set_value(request->value());
  };
  return GrantCall::Open(rpc_, context, RequestIdIn(*request), std::move(enter),
                         response->mutable_header(), fill);
}

grpc::ServerUnaryReactor* ElectionServiceImpl::Proclaim(grpc::CallbackServerContext* context,
                                                        const v1::ProclaimRequest* request,
                                                        v1::ProclaimResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  struct Proclaim proclaim {
    request->name(), {request->token()}, request->value()
  };
  return AnswerMutation(rpc_, context, RequestIdIn(*request), std::move(proclaim), response,
                        [](const Answer&) {});
}

grpc::ServerUnaryReactor* ElectionServiceImpl::Resign(grpc::CallbackServerContext* context,
                                                      const v1::ResignRequest* request,
                                                      v1::ResignResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  Release release{
      ClaimKind::kElection, request->name(), {request->token()}, {request->successor()}};
  return AnswerMutation(rpc_, context, RequestIdIn(*request), std::move(release), response,
                        [](const Answer&) {});
}

grpc::ServerUnaryReactor* ElectionServiceImpl::GetLeader(grpc::CallbackServerContext* context,
                                                         const v1::GetLeaderRequest* request,
                                                         v1::GetLeaderResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  if (const absl::Status named = CheckName("name", request->name()); !named.ok()) {
    return Refuse(context, FailedField(named));
  }
  const auto fill = [name = request->name(), response](const Replica& replica) {
    const Claim* claim = replica.machine().claims(ClaimKind::kElection).Find(name);
    if (claim == nullptr) return Failed(v1::FAILURE_REASON_NOT_FOUND, "nobody leads");
    SetLeader(name, claim->holder, response->mutable_leader());
    for (const Waiter& waiter : claim->queue) response->add_waiting(waiter.session.value);
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, request->allow_stale(), response, fill);
}

grpc::ServerWriteReactor<v1::ObserveResponse>* ElectionServiceImpl::Observe(
    grpc::CallbackServerContext* context, const v1::ObserveRequest* request) {
  return ObserveStream::Open(rpc_, Admit(rpc_, *context, Lane::kVital), *request);
}

}  // namespace z4j::consensus
