#include "services/consensus/rpc/lock_service.h"

#include "services/consensus/limits.h"
#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/grant_call.h"

namespace z4j::consensus {
namespace {

void SetLock(const std::string& name, const Claim& claim, v1::Lock* out) {
  out->set_name(name);
  out->set_token(claim.holder.token.value);
  out->set_session_id(claim.holder.session.value);
  for (const Waiter& waiter : claim.queue) out->add_waiting(waiter.session.value);
}

// Fills the page; it too ends at kPageBytesMax, for long queues.
void SetPage(const std::map<std::string, Claim>& locks, const PageStart& start,
             v1::ListLocksResponse* out) {
  size_t bytes = 0;
  auto lock = start.after.empty() ? locks.begin() : locks.upper_bound(start.after);
  for (; lock != locks.end(); ++lock) {
    if (out->locks_size() >= static_cast<int>(start.size) || bytes > kPageBytesMax) {
      out->set_next_page_token(PageTokenAfter(std::prev(lock)->first));
      return;
    }
    v1::Lock* added = out->add_locks();
    SetLock(lock->first, lock->second, added);
    bytes += added->ByteSizeLong();
  }
}

}  // namespace

grpc::ServerUnaryReactor* LockServiceImpl::AcquireLock(grpc::CallbackServerContext* context,
                                                       const v1::AcquireLockRequest* request,
                                                       v1::AcquireLockResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  absl::StatusOr<absl::Duration> wait = absl::ZeroDuration();
  if (request->has_wait()) wait = DurationOf("wait", request->wait());
  if (!wait.ok()) return Refuse(context, FailedField(wait.status()));
  Enter enter{ClaimKind::kLock, request->name(), "", std::min(*wait, kLockWaitMax)};
  return GrantCall::Open(rpc_, context, RequestIdIn(*request), std::move(enter),
                         response->mutable_header(),
                         [response](Token token) { response->set_token(token.value); });
}

grpc::ServerUnaryReactor* LockServiceImpl::ReleaseLock(grpc::CallbackServerContext* context,
                                                       const v1::ReleaseLockRequest* request,
                                                       v1::ReleaseLockResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  Release release{ClaimKind::kLock, request->name(), {request->token()}, {}};
  return AnswerMutation(rpc_, context, RequestIdIn(*request), std::move(release), response,
                        [response](const Answer& answer) {
                          response->set_released(std::get<Done>(answer.body).changed);
                        });
}

grpc::ServerUnaryReactor* LockServiceImpl::ForceReleaseLock(
    grpc::CallbackServerContext* context, const v1::ForceReleaseLockRequest* request,
    v1::ForceReleaseLockResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  ForceRelease release{ClaimKind::kLock, request->name(), {request->token()}};
  return AnswerMutation(rpc_, context, RequestIdIn(*request), std::move(release), response,
                        [response](const Answer& answer) {
                          response->set_released(std::get<Done>(answer.body).changed);
                        });
}

grpc::ServerUnaryReactor* LockServiceImpl::GetLock(grpc::CallbackServerContext* context,
                                                   const v1::GetLockRequest* request,
                                                   v1::GetLockResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  if (const absl::Status named = CheckName("name", request->name()); !named.ok()) {
    return Refuse(context, FailedField(named));
  }
  const auto fill = [name = request->name(), response](const Replica& replica) {
    const Claim* claim = replica.machine().claims(ClaimKind::kLock).Find(name);
    if (claim == nullptr) return Failed(v1::FAILURE_REASON_NOT_FOUND, "nobody holds it");
    SetLock(name, *claim, response->mutable_lock());
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, request->allow_stale(), response, fill);
}

grpc::ServerUnaryReactor* LockServiceImpl::ListLocks(grpc::CallbackServerContext* context,
                                                     const v1::ListLocksRequest* request,
                                                     v1::ListLocksResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  const auto start = PageStartOf(request->page_size(), request->page_token());
  if (!start.ok()) return Refuse(context, FailedField(start.status()));
  const auto fill = [start = *start, response](const Replica& replica) {
    SetPage(replica.machine().claims(ClaimKind::kLock).all(), start, response);
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, request->allow_stale(), response, fill);
}

}  // namespace z4j::consensus
