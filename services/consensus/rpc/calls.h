#ifndef Z4J_CONSENSUS_RPC_CALLS_H_
#define Z4J_CONSENSUS_RPC_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "services/consensus/machine/codec.h"
#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/failure.h"

// From a gRPC callback to a call of the node and back.  No thread waits: the answer is formed on
// the node's core thread.
namespace z4j::consensus {

// Whether the client may make this call now, and else what it is answered.  The first thing that
// every call asks.
grpc::Status Admit(RpcContext& rpc, const grpc::CallbackServerContext& context, Lane lane);
// The same for a unary call; null: it may.
grpc::ServerUnaryReactor* RefuseIfTooMany(RpcContext& rpc, grpc::CallbackServerContext* context,
                                          Lane lane);

// Until when the node may take for a call: the caller's deadline, at most kCallTimeMax from now.
MonoTime DeadlineOf(const RpcContext& rpc, const grpc::CallbackServerContext& context);

// Answers a request that cannot be done.
grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const grpc::Status& status);

// Proposes `command` and gives its Answer, whatever its code, or else the error, to `done`:
// void(grpc::Status, const Answer&, const Replica&), on the core thread; an error before that is
// given at once, on this thread, with a null replica.
template <typename Done>
void ProposeFor(RpcContext& rpc, MonoTime deadline, std::optional<RequestId> request,
                Command command, Done done) {
  Envelope envelope{{}, request, std::move(command)};
  if (const absl::Status checked = CheckEnvelope(envelope); !checked.ok()) {
    return done(FailedField(checked), Answer{}, nullptr);
  }
  auto shared = std::make_shared<Done>(std::move(done));
  const absl::Status taken = rpc.node->Propose(
      std::move(request), std::move(envelope.command), deadline,
      [&rpc, deadline, shared, asked = envelope.request](const CallResult& result,
                                                         const Replica& replica) {
        if (result.fate != Fate::kDone) {
          const bool overdue = rpc.clock.MonoNow() >= deadline;
          return (*shared)(FailureOf(rpc, result, replica, overdue), Answer{}, &replica);
        }
        const absl::StatusOr<Answer> answer = DecodeAnswer(result.answer);
        if (!answer.ok()) {
          return (*shared)(Failed(v1::FAILURE_REASON_INTERRUPTED, answer.status().message()),
                           Answer{}, &replica);
        }
        const bool good = answer->code == AnswerCode::kOk;
        (*shared)(good ? grpc::Status::OK : FailureOf(*answer, asked), *answer, &replica);
      });
  if (!taken.ok()) (*shared)(NotTaken(rpc, taken), Answer{}, nullptr);
}

// A mutation: `fill`, void(const Answer&), adds to the response what the answer says.
template <typename Response, typename Fill>
grpc::ServerUnaryReactor* AnswerMutation(RpcContext& rpc, grpc::CallbackServerContext* context,
                                         std::optional<RequestId> request, Command command,
                                         Response* response, Fill fill) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  ProposeFor(rpc, DeadlineOf(rpc, *context), std::move(request), std::move(command),
             [&rpc, reactor, response, fill = std::move(fill)](
                 const grpc::Status& status, const Answer& answer, const Replica* replica) {
               if (status.ok()) {
                 SetHeader(rpc, replica->soft().term, answer.revision, response->mutable_header());
                 fill(answer);
               }
               reactor->Finish(status);
             });
  return reactor;
}

// A read: `fill`, grpc::Status(const Replica&), answers from the node's state on the core thread.
// Linearizable unless it may be stale.
template <typename Response, typename Fill>
grpc::ServerUnaryReactor* AnswerRead(RpcContext& rpc, grpc::CallbackServerContext* context,
                                     bool allow_stale, Response* response, Fill fill) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const MonoTime deadline = DeadlineOf(rpc, *context);
  auto done = [&rpc, reactor, deadline, allow_stale, response, fill = std::move(fill)](
                  const CallResult& result, const Replica& replica) {
    if (result.fate != Fate::kDone) {
      const bool overdue = rpc.clock.MonoNow() >= deadline;
      return reactor->Finish(FailureOf(rpc, result, replica, overdue));
    }
    SetHeader(rpc, replica.soft().term, replica.machine().revision(), response->mutable_header());
    if (allow_stale) SetStaleness(rpc, replica, response->mutable_header());
    reactor->Finish(fill(replica));
  };
  const absl::Status taken =
      allow_stale ? rpc.node->Look(std::move(done)) : rpc.node->Read(deadline, std::move(done));
  if (!taken.ok()) reactor->Finish(NotTaken(rpc, taken));
  return reactor;
}

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_CALLS_H_
