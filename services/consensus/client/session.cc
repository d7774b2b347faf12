#include "services/consensus/client/session.h"

#include <algorithm>
#include <utility>

#include "services/base/uuid.h"
#include "services/consensus/client/keeper.h"
#include "services/consensus/client/typed_call.h"
#include "z4j/consensus/v1/election.grpc.pb.h"
#include "z4j/consensus/v1/lock.grpc.pb.h"
#include "z4j/consensus/v1/session.grpc.pb.h"

namespace z4j::consensus::client {
namespace {

using v1::ElectionService;
using v1::LockService;
using v1::SessionService;

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration out;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(duration)));
  return out;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace

Result<std::unique_ptr<Session>> Session::Open(Connection& connection, SessionOptions options,
                                               const CallOptions& call) {
  v1::OpenSessionRequest request;
  request.set_nonce(std::max<uint64_t>(connection.NextSeed(), 1));
  *request.mutable_ttl() = ToProto(options.ttl);
  request.set_owner(options.owner);
  CallPlan plan;
  plan.options = call;
  const Result<v1::OpenSessionResponse> opened =
      TypedCall(connection, plan, &SessionService::Stub::OpenSession, request);
  if (!opened.ok()) return opened.failure();
  return std::unique_ptr<Session>(
      new Session(connection, options, opened->session_id(), FromProto(opened->ttl())));
}

Session::Session(Connection& connection, const SessionOptions& options, uint64_t id,
                 absl::Duration ttl)
    : connection_(connection), id_(id), on_change_(options.on_change) {
  Keeper::Options keeping;
  keeping.session_id = id;
  keeping.ttl = ttl;
  keeping.before_sign = options.before_sign;
  keeping.on_change = [this](bool lost) {
    if (lost) ended_.Cancel();
    on_change_();
  };
  keeper_ = std::make_unique<Keeper>(connection_, std::move(keeping));
}

Session::~Session() { keeper_->Stop(); }

std::optional<MonoTime> Session::trusted_until() const { return keeper_->trusted_until(); }

bool Session::lost() const { return keeper_->lost(); }

Result<Done> Session::Close(const CallOptions& call) {
  ended_.Cancel();
  keeper_->Stop();
  if (std::exchange(closed_, true) || lost()) return Done{};
  v1::CloseSessionRequest request;
  request.set_session_id(id_);
  CallPlan plan;
  plan.options = call;
  const Result<v1::CloseSessionResponse> closed =
      TypedCall(connection_, plan, &SessionService::Stub::CloseSession, request);
  if (!closed.ok()) return closed.failure();
  return Done{};
}

template <typename Stub, typename Request, typename Response>
Result<Response> Session::Mutate(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                                 Request request, const CallOptions& call, bool waits) {
  std::optional<RequestNumber> number;
  {
    absl::MutexLock lock(&mu_);
    number = ids_.Begin();
  }
  if (!number.has_value()) {
    return Failure{.outcome = Outcome::kNotDone,
                   .reason = Reason::kLimit,
                   .status = absl::ResourceExhaustedError("too many mutations are under way")};
  }
  request.mutable_request_id()->set_session_id(id_);
  request.mutable_request_id()->set_sequence(number->sequence);
  request.mutable_request_id()->set_first_outstanding(number->first_outstanding);
  Cancellation either({&ended_, call.cancellation});
  CallPlan plan;
  plan.waits = waits;
  plan.options = {call.deadline, &either};
  Result<Response> result = TypedCall(connection_, plan, method, request);
  {
    absl::MutexLock lock(&mu_);
    ids_.End(number->sequence);
  }
  if (result.ok()) return result;
  Failure failure = result.failure();
  if (failure.reason == Reason::kSessionLost) {
    keeper_->Lost();
    ended_.Cancel();
  } else if (failure.reason == Reason::kCancelled && lost()) {
    failure.reason = Reason::kSessionLost;
    failure.status = absl::AbortedError("the session has ended");
  }
  return failure;
}

Result<uint64_t> Session::Campaign(const std::string& name, const std::string& value,
                                   const CallOptions& call) {
  v1::CampaignRequest request;
  request.set_name(name);
  request.set_value(value);
  while (true) {
    const Result<v1::CampaignResponse> leads =
        Mutate(&ElectionService::Stub::Campaign, request, call, true);
    if (leads.ok()) return leads->leader().token();
    // The place in the queue went with a call that was cut off: take another.
    if (leads.failure().reason != Reason::kNotGranted) return leads.failure();
  }
}

Result<Done> Session::Proclaim(const std::string& name, uint64_t token, const std::string& value,
                               const CallOptions& call) {
  v1::ProclaimRequest request;
  request.set_name(name);
  request.set_token(token);
  request.set_value(value);
  const auto done = Mutate(&ElectionService::Stub::Proclaim, request, call, false);
  if (!done.ok()) return done.failure();
  return Done{};
}

Result<Done> Session::Resign(const std::string& name, uint64_t token, uint64_t successor,
                             const CallOptions& call) {
  v1::ResignRequest request;
  request.set_name(name);
  request.set_token(token);
  request.set_successor(successor);
  const auto done = Mutate(&ElectionService::Stub::Resign, request, call, false);
  if (!done.ok()) return done.failure();
  return Done{};
}

Result<std::vector<Session::Candidate>> Session::Candidates(const std::string& name,
                                                            const CallOptions& call) {
  CallPlan plan;
  plan.leader_only = false;
  plan.options = call;
  v1::GetLeaderRequest request;
  request.set_name(name);
  const auto election = TypedCall(connection_, plan, &ElectionService::Stub::GetLeader, request);
  std::vector<Candidate> candidates;
  if (!election.ok()) {
    if (election.failure().reason == Reason::kNotFound) return candidates;
    return election.failure();
  }
  for (const uint64_t id : election->waiting()) {
    v1::GetSessionRequest ask;
    ask.set_session_id(id);
    const auto session = TypedCall(connection_, plan, &SessionService::Stub::GetSession, ask);
    if (session.ok()) {
      candidates.push_back({id, session->session().owner()});
    } else if (session.failure().reason != Reason::kNotFound) {
      return session.failure();
    }
  }
  return candidates;
}

Result<uint64_t> Session::AcquireLock(const std::string& name, absl::Duration wait,
                                      const CallOptions& call) {
  v1::AcquireLockRequest request;
  request.set_name(name);
  *request.mutable_wait() = ToProto(std::clamp(wait, absl::ZeroDuration(), kLockWaitMax));
  const auto held = Mutate(&LockService::Stub::AcquireLock, request, call, true);
  if (!held.ok()) return held.failure();
  return held->token();
}

Result<bool> Session::ReleaseLock(const std::string& name, uint64_t token,
                                  const CallOptions& call) {
  v1::ReleaseLockRequest request;
  request.set_name(name);
  request.set_token(token);
  const auto released = Mutate(&LockService::Stub::ReleaseLock, request, call, false);
  if (!released.ok()) return released.failure();
  return released->released();
}

}  // namespace z4j::consensus::client
