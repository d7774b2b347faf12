#include "services/consensus/client/testing/fake_node.h"

#include <utility>

#include "services/base/grpc_status.h"

namespace z4j::consensus::client {
namespace {

// How soon a waiting call notices that it was cancelled.
constexpr absl::Duration kPoll = absl::Milliseconds(5);

absl::StatusCode CodeOf(Outcome outcome) {
  return outcome == Outcome::kUnknown   ? absl::StatusCode::kUnavailable
         : outcome == Outcome::kNotDone ? absl::StatusCode::kFailedPrecondition
                                        : absl::StatusCode::kAborted;
}

v1::FailureReason ToProto(Reason reason) {
  // Of those that both have, the order is the same; see result.h.
  return static_cast<v1::FailureReason>(reason);
}

grpc::Status Fail(const v1::Failure& failure, absl::StatusCode code) {
  return ToGrpcStatus(absl::Status(code, "as the test says"), failure);
}

grpc::Status Fail(Outcome outcome, Reason reason) {
  if (reason == Reason::kNoAnswer) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
  v1::Failure failure;
  failure.set_outcome(static_cast<v1::Outcome>(static_cast<int>(outcome) + 1));
  failure.set_reason(ToProto(reason));
  return Fail(failure, CodeOf(outcome));
}

}  // namespace

void FakeNode::WaitABit() {
  bool never = false;
  mu().AwaitWithTimeout(absl::Condition(&never), kPoll);
}

grpc::Status FakeNode::Elsewhere() {
  v1::Failure failure;
  failure.set_outcome(v1::OUTCOME_NOT_DONE);
  failure.set_reason(v1::FAILURE_REASON_NOT_LEADER);
  failure.mutable_not_leader()->set_term(cluster_.term_);
  if (cluster_.hints_ && cluster_.leader_ >= 0) {
    failure.mutable_not_leader()->set_leader_id(cluster_.leader_ + 1);
    failure.mutable_not_leader()->set_leader_address(cluster_.endpoint(cluster_.leader_));
  }
  return Fail(failure, absl::StatusCode::kFailedPrecondition);
}

std::optional<grpc::Status> FakeNode::Scripted(const std::string& method, bool done) {
  const auto [begin, end] = cluster_.failing_.equal_range(method);
  for (auto it = begin; it != end; ++it) {
    if (it->second.done != done) continue;
    const Failing failing = it->second;
    cluster_.failing_.erase(it);
    return Fail(failing.outcome, failing.reason);
  }
  return std::nullopt;
}

grpc::Status FakeNode::Admit(const std::string& method, grpc::ServerContext* context) {
  ++cluster_.calls_[{method, number_}];
  while (cluster_.muted_.contains(number_)) {
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    WaitABit();
  }
  if (const auto scripted = Scripted(method, false)) return *scripted;
  return Leads() ? grpc::Status::OK : Elsewhere();
}

template <typename Request, typename Response, typename Act>
grpc::Status FakeNode::Once(const std::string& method, grpc::ServerContext* context,
                            const Request& request, Response* response, Act act) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit(method, context); !status.ok()) return status;
  const v1::RequestId& id = request.request_id();
  if (id.session_id() != 0 && !cluster_.sessions_.contains(id.session_id())) {
    return Fail(Outcome::kRefused, Reason::kSessionLost);
  }
  const std::pair<uint64_t, uint64_t> key(id.session_id() + id.client_id(), id.sequence());
  const auto [answer, fresh] = cluster_.answers_.try_emplace(key);
  if (fresh) {
    answer->second.request = request.SerializeAsString();
    ++cluster_.done_[method];
    cluster_.revision_ += 2;
    act();
    response->mutable_header()->set_revision(cluster_.revision_);
    answer->second.response = response->SerializeAsString();
  }
  // Sent again means sent again unchanged.
  Z4J_CHECK(answer->second.request == request.SerializeAsString());
  if (const auto scripted = Scripted(method, true)) return *scripted;
  response->ParseFromString(answer->second.response);
  return grpc::Status::OK;
}

grpc::Status FakeNode::OpenSession(grpc::ServerContext* context,
                                   const v1::OpenSessionRequest* request,
                                   v1::OpenSessionResponse* response) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit("OpenSession", context); !status.ok()) return status;
  uint64_t& id = cluster_.by_nonce_[request->nonce()];
  if (!cluster_.sessions_.contains(id)) {
    ++cluster_.done_["OpenSession"];
    id = cluster_.revision_ += 2;
    cluster_.sessions_[id] = {
        absl::Seconds(request->ttl().seconds()) + absl::Nanoseconds(request->ttl().nanos()),
        request->owner()};
  }
  response->set_session_id(id);
  *response->mutable_ttl() = request->ttl();
  if (const auto scripted = Scripted("OpenSession", true)) return *scripted;
  return grpc::Status::OK;
}

grpc::Status FakeNode::CloseSession(grpc::ServerContext* context,
                                    const v1::CloseSessionRequest* request,
                                    v1::CloseSessionResponse*) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit("CloseSession", context); !status.ok()) return status;
  cluster_.EndSessionLocked(request->session_id());
  return grpc::Status::OK;
}

grpc::Status FakeNode::GetSession(grpc::ServerContext* context,
                                  const v1::GetSessionRequest* request,
                                  v1::GetSessionResponse* response) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit("GetSession", context); !status.ok()) return status;
  const auto session = cluster_.sessions_.find(request->session_id());
  if (session == cluster_.sessions_.end()) return Fail(Outcome::kRefused, Reason::kNotFound);
  response->mutable_session()->set_session_id(session->first);
  response->mutable_session()->set_owner(session->second.owner);
  return grpc::Status::OK;
}

grpc::Status FakeNode::KeepAlive(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::KeepAliveResponse, v1::KeepAliveRequest>* stream) {
  {
    absl::MutexLock lock(&mu());
    if (grpc::Status status = Admit("KeepAlive", context); !status.ok()) return status;
    cluster_.streams_.insert(context);
  }
  grpc::Status status;
  v1::KeepAliveRequest request;
  v1::KeepAliveResponse response;
  while (status.ok() && stream->Read(&request)) {
    status = Answer(request, context, &response);
    if (status.ok()) stream->Write(response);
  }
  absl::MutexLock lock(&mu());
  cluster_.streams_.erase(context);
  return status;
}

grpc::Status FakeNode::Answer(const v1::KeepAliveRequest& request, grpc::ServerContext* context,
                              v1::KeepAliveResponse* response) {
  absl::MutexLock lock(&mu());
  while (cluster_.muted_.contains(number_) && !context->IsCancelled()) WaitABit();
  if (!Leads()) return Elsewhere();
  const auto session = cluster_.sessions_.find(request.session_id());
  response->set_session_id(request.session_id());
  response->set_lost(session == cluster_.sessions_.end());
  if (!response->lost()) {
    response->mutable_ttl()->set_seconds(absl::ToInt64Seconds(session->second.ttl));
    response->mutable_ttl()->set_nanos(
        static_cast<int>(absl::ToInt64Nanoseconds(session->second.ttl % absl::Seconds(1))));
  }
  return grpc::Status::OK;
}

grpc::Status FakeNode::Campaign(grpc::ServerContext* context, const v1::CampaignRequest* request,
                                v1::CampaignResponse* response) {
  const uint64_t session = request->request_id().session_id();
  const grpc::Status entered = Once("Campaign", context, *request, response, [&] {
    Election& election = cluster_.elections_[request->name()];
    if (election.session == session) return;
    election.queue.emplace_back(session, request->value());
    if (election.token == 0) cluster_.PassOn(election, 0);
  });
  if (!entered.ok()) return entered;
  absl::MutexLock lock(&mu());
  while (true) {
    Election& election = cluster_.elections_[request->name()];
    const bool mute = cluster_.muted_.contains(number_) && !context->IsCancelled();
    if (!mute && !Leads()) return Fail(Outcome::kUnknown, Reason::kInterrupted);
    if (!mute && !cluster_.sessions_.contains(session)) {
      return Fail(Outcome::kRefused, Reason::kSessionLost);
    }
    if (!mute && election.session == session) break;
    if (context->IsCancelled()) {
      std::erase_if(election.queue, [&](const auto& place) { return place.first == session; });
      return grpc::Status::CANCELLED;
    }
    WaitABit();
  }
  const Election& election = cluster_.elections_[request->name()];
  response->mutable_leader()->set_name(request->name());
  response->mutable_leader()->set_session_id(session);
  response->mutable_leader()->set_token(election.token);
  response->mutable_leader()->set_value(election.value);
  return grpc::Status::OK;
}

grpc::Status FakeNode::Resign(grpc::ServerContext* context, const v1::ResignRequest* request,
                              v1::ResignResponse* response) {
  return Once("Resign", context, *request, response, [&] {
    Election& election = cluster_.elections_[request->name()];
    if (election.token == request->token()) cluster_.PassOn(election, request->successor());
  });
}

grpc::Status FakeNode::GetLeader(grpc::ServerContext* context, const v1::GetLeaderRequest* request,
                                 v1::GetLeaderResponse* response) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit("GetLeader", context); !status.ok()) return status;
  const Election& election = cluster_.elections_[request->name()];
  if (election.token == 0) return Fail(Outcome::kRefused, Reason::kNotFound);
  response->mutable_leader()->set_token(election.token);
  for (const auto& [session, value] : election.queue) response->add_waiting(session);
  return grpc::Status::OK;
}

grpc::Status FakeNode::Observe(grpc::ServerContext* context, const v1::ObserveRequest* request,
                               grpc::ServerWriter<v1::ObserveResponse>* stream) {
  absl::MutexLock lock(&mu());
  ++cluster_.calls_[{"Observe", number_}];
  cluster_.streams_.insert(context);
  std::optional<uint64_t> seen;
  while (!context->IsCancelled()) {
    const Election& election = cluster_.elections_[request->name()];
    if (cluster_.muted_.contains(number_) || seen == election.revision) {
      WaitABit();
      continue;
    }
    v1::ObserveResponse state;
    state.set_revision(seen.has_value() ? election.revision : cluster_.revision_);
    seen = election.revision;
    if (election.token != 0) {
      state.mutable_leader()->set_token(election.token);
      state.mutable_leader()->set_session_id(election.session);
      state.mutable_leader()->set_value(election.value);
    }
    stream->Write(state);
  }
  cluster_.streams_.erase(context);
  return grpc::Status::CANCELLED;
}

grpc::Status FakeNode::Put(grpc::ServerContext* context, const v1::PutRequest* request,
                           v1::PutResponse* response) {
  return Once("Put", context, *request, response,
              [&] { cluster_.keys_[request->key()] += request->value(); });
}

grpc::Status FakeNode::Get(grpc::ServerContext* context, const v1::GetRequest* request,
                           v1::GetResponse* response) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit("Get", context); !status.ok()) return status;
  const auto found = cluster_.keys_.find(request->key());
  if (found == cluster_.keys_.end()) return Fail(Outcome::kRefused, Reason::kNotFound);
  response->mutable_kv()->set_value(found->second);
  return grpc::Status::OK;
}

grpc::Status FakeNode::AddLearner(grpc::ServerContext* context, const v1::AddLearnerRequest*,
                                  v1::AddLearnerResponse*) {
  absl::MutexLock lock(&mu());
  if (grpc::Status status = Admit("AddLearner", context); !status.ok()) return status;
  ++cluster_.done_["AddLearner"];
  if (const auto scripted = Scripted("AddLearner", true)) return *scripted;
  return grpc::Status::OK;
}

grpc::Status FakeNode::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                 v1::GetStatusResponse* response) {
  absl::MutexLock lock(&mu());
  response->mutable_header()->set_node_id(number_ + 1);
  response->set_leader_id(cluster_.leader_ + 1);
  return grpc::Status::OK;
}

}  // namespace z4j::consensus::client
