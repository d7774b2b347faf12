#include "services/consensus/rpc/grant_call.h"

#include <utility>

#include "services/consensus/limits.h"
#include "services/consensus/rpc/calls.h"

namespace z4j::consensus {
namespace {

// Tried again while the node refuses it for want of room and leads: a place that nobody waits for
// any more would be granted, and block the name until its session ends.
void ProposeLeave(RpcContext& rpc, Leave leave) {
  const auto done = [&rpc, leave](const CallResult& result, const Replica&) {
    if (result.fate == Fate::kBusy)
      rpc.hub.AtNextEvents([&rpc, leave] { ProposeLeave(rpc, leave); });
  };
  const absl::Status taken =
      rpc.node->Propose(std::nullopt, leave, rpc.clock.MonoNow() + kCallTimeMax, done);
  if (absl::IsResourceExhausted(taken)) {
    rpc.hub.AtNextEvents([&rpc, leave] { ProposeLeave(rpc, leave); });
  }
}

grpc::Status WhyNot(WaitEnded::Why why) {
  switch (why) {
    case WaitEnded::Why::kTimedOut:
      return Failed(v1::FAILURE_REASON_NOT_GRANTED, "somebody else holds it; the wait is over");
    case WaitEnded::Why::kLeft:
      return Failed(v1::FAILURE_REASON_NOT_GRANTED, "the place in the queue was given up");
    case WaitEnded::Why::kSessionEnded:
      break;
  }
  return Failed(v1::FAILURE_REASON_SESSION_LOST, "the session has ended");
}

}  // namespace

GrantCall::GrantCall(RpcContext& rpc, grpc::CallbackServerContext* context, const Enter& enter,
                     v1::ResponseHeader* header, Fill fill)
    : rpc_(rpc),
      context_(context),
      kind_(enter.kind),
      name_(enter.name),
      header_(header),
      fill_(std::move(fill)) {}

GrantCall* GrantCall::Open(RpcContext& rpc, grpc::CallbackServerContext* context,
                           std::optional<RequestId> request, Enter enter,
                           v1::ResponseHeader* header, Fill fill) {
  auto call =
      std::shared_ptr<GrantCall>(new GrantCall(rpc, context, enter, header, std::move(fill)));
  call->self_ = call;
  if (request && std::holds_alternative<SessionId>(request->owner)) {
    call->session_ = std::get<SessionId>(request->owner);
  }
  ProposeFor(rpc, DeadlineOf(rpc, *context), std::move(request), std::move(enter),
             [call](const grpc::Status& status, const Answer& answer, const Replica* replica) {
               call->OnEntered(status, answer, replica);
             });
  return call.get();
}

void GrantCall::OnEntered(const grpc::Status& status, const Answer& answer,
                          const Replica* replica) {
  if (!status.ok()) {
    FinishOnce(status);
    return;
  }
  const auto& entered = std::get<Entered>(answer.body);
  term_ = replica->soft().term;
  bool cancelled = false;
  {
    absl::MutexLock lock(&mu_);
    ticket_ = entered.ticket;
    own_ = entered.ticket.value == answer.revision.value;
    cancelled = cancelled_;
  }
  if (cancelled) return GiveUp();
  Await(*replica);
}

void GrantCall::Await(const Replica& replica) {
  // Also if the answer has a token: it may be one of long ago, given again.
  if (Decided(replica.machine())) return;
  if (!replica.leadership()) {
    FinishOnce(InterruptedFailure(rpc_, replica.soft(), "the leader changed during the wait"));
    return;
  }
  Ticket ticket;
  {
    absl::MutexLock lock(&mu_);
    ticket = ticket_;
  }
  if (const absl::Status added = rpc_.hub.Add(ticket, shared_from_this()); !added.ok()) {
    GiveUp();
    FinishOnce(NotTaken(rpc_, added));
    return;
  }
  bool cancelled = false;
  {
    absl::MutexLock lock(&mu_);
    cancelled = cancelled_;
  }
  if (cancelled) GiveUp();  // Before it was added, so that OnCancel could not take it out again.
}

bool GrantCall::Decided(const CoordinationMachine& machine) {
  Ticket ticket;
  {
    absl::MutexLock lock(&mu_);
    ticket = ticket_;
  }
  const Claims& claims = machine.claims(kind_);
  switch (claims.FindTicket(name_, ticket)) {
    case TicketState::kWaits:
      return false;
    case TicketState::kHolds:
      Grant(claims.Find(name_)->holder.token, machine.revision());
      return true;
    case TicketState::kOver:
      break;
  }
  FinishOnce(WhyNot(machine.sessions().Find(session_) == nullptr ? WaitEnded::Why::kSessionEnded
                                                                 : WaitEnded::Why::kTimedOut));
  return true;
}

void GrantCall::OnGranted(Token token, const CoordinationMachine& machine) {
  Grant(token, machine.revision());
}

void GrantCall::OnWaitEnded(WaitEnded::Why why) { FinishOnce(WhyNot(why)); }

void GrantCall::OnReplaced(const CoordinationMachine& machine) { Decided(machine); }

void GrantCall::Grant(Token token, Revision revision) {
  absl::MutexLock lock(&mu_);
  if (std::exchange(finished_, true)) return;
  granted_ = true;
  rpc_.hub.Answering(ticket_, this);
  SetHeader(rpc_, term_, revision, header_);
  fill_(token);
  Finish(grpc::Status::OK);
}

bool GrantCall::FinishOnce(const grpc::Status& status) {
  absl::MutexLock lock(&mu_);
  if (std::exchange(finished_, true)) return false;
  Finish(status);
  return true;
}

void GrantCall::OnCancel() {
  {
    absl::MutexLock lock(&mu_);
    cancelled_ = true;
  }
  if (FinishOnce(grpc::Status::CANCELLED)) GiveUp();
}

void GrantCall::GiveUp() {
  Leave leave{kind_, name_, {}};
  bool own = false;
  {
    absl::MutexLock lock(&mu_);
    leave.ticket = ticket_;
    own = own_;
  }
  if (leave.ticket.value == 0) return;  // Not known yet; OnEntered() comes back to it.
  const bool alone = rpc_.hub.Remove(leave.ticket, this);
  if (own && alone) ProposeLeave(rpc_, std::move(leave));
}

void GrantCall::OnDone() {
  const std::shared_ptr<GrantCall> self = std::move(self_);
  Ticket ticket;
  bool granted = false;
  {
    absl::MutexLock lock(&mu_);
    ticket = ticket_;
    granted = granted_;
  }
  const bool last = granted && rpc_.hub.WasLastAnswered(ticket, this);
  if (last && context_->IsCancelled()) return GiveUp();  // Nobody heard of the grant.
  rpc_.hub.Remove(ticket, this);
}

}  // namespace z4j::consensus
