#include "services/consensus/rpc/session_service.h"

#include "services/base/field_error.h"
#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/keep_alive_stream.h"

namespace z4j::consensus {
namespace {

constexpr absl::Duration kTtlDefault = absl::Seconds(10);

absl::Status CheckSessionId(uint64_t session_id) {
  if (session_id > 0) return absl::OkStatus();
  return FieldError("session_id", "is 0; give the one that OpenSession gave");
}

}  // namespace

grpc::ServerUnaryReactor* SessionServiceImpl::OpenSession(grpc::CallbackServerContext* context,
                                                          const v1::OpenSessionRequest* request,
                                                          v1::OpenSessionResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  struct OpenSession open;
  open.nonce = request->nonce();
  open.owner = request->owner();
  open.ttl = kTtlDefault;
  if (request->has_ttl()) {
    const auto ttl = DurationOf("ttl", request->ttl());
    open.ttl = ttl.value_or(absl::ZeroDuration());  // The machine moves it into the bounds.
  }
  return AnswerMutation(rpc_, context, std::nullopt, std::move(open), response,
                        [response](const Answer& answer) {
                          const auto& opened = std::get<SessionOpened>(answer.body);
                          response->set_session_id(opened.session.value);
                          SetDuration(opened.ttl, response->mutable_ttl());
                          response->set_epoch(static_cast<uint32_t>(opened.epoch.value));
                        });
}

grpc::ServerBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse>* SessionServiceImpl::KeepAlive(
    grpc::CallbackServerContext* context) {
  return KeepAliveStream::Open(rpc_, Admit(rpc_, *context, Lane::kVital));
}

grpc::ServerUnaryReactor* SessionServiceImpl::CloseSession(grpc::CallbackServerContext* context,
                                                           const v1::CloseSessionRequest* request,
                                                           v1::CloseSessionResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  if (const absl::Status status = CheckSessionId(request->session_id()); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  const struct CloseSession close {
    SessionId { request->session_id() }
  };
  return AnswerMutation(rpc_, context, std::nullopt, close, response, [](const Answer&) {});
}

grpc::ServerUnaryReactor* SessionServiceImpl::GetSession(grpc::CallbackServerContext* context,
                                                         const v1::GetSessionRequest* request,
                                                         v1::GetSessionResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const SessionId id{request->session_id()};
  if (const absl::Status status = CheckSessionId(id.value); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  const auto fill = [id, response](const Replica& replica) {
    const CoordinationMachine& machine = replica.machine();
    const Session* session = machine.sessions().Find(id);
    if (session == nullptr) {
      return Failed(v1::FAILURE_REASON_NOT_FOUND, "there is no such session");
    }
    v1::Session& out = *response->mutable_session();
    out.set_session_id(id.value);
    SetDuration(session->ttl, out.mutable_ttl());
    out.set_owner(session->owner);
    for (const std::string& name : machine.claims(ClaimKind::kElection).NamesOf(id)) {
      out.add_elections(name);
    }
    for (const std::string& name : machine.claims(ClaimKind::kLock).NamesOf(id)) {
      out.add_locks(name);
    }
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, request->allow_stale(), response, fill);
}

}  // namespace z4j::consensus
