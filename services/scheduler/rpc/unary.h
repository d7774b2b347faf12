#ifndef Z4J_SCHEDULER_RPC_UNARY_H_
#define Z4J_SCHEDULER_RPC_UNARY_H_

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/status/statusor.h"
#include "services/base/grpc_status.h"
#include "services/scheduler/rpc/caller.h"
#include "services/scheduler/rpc/context.h"
#include "services/scheduler/rpc/convert.h"

// From a gRPC callback to a plain function and back: the one way in which unary calls are answered.
namespace z4j::scheduler {

// Runs `handle`, an absl::Status(), on the pool and ends the call with what it returns.  A call
// whose client is gone or whose deadline has passed is not begun.
template <typename Handle>
grpc::ServerUnaryReactor* AnswerOnPool(RpcContext& rpc, grpc::CallbackServerContext* context,
                                       Handle handle) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool posted = rpc.pool.TryPost([context, reactor, handle = std::move(handle)]() mutable {
    reactor->Finish(context->IsCancelled() ? grpc::Status::CANCELLED : ToGrpcStatus(handle()));
  });
  if (!posted) {
    reactor->Finish(ToGrpcStatus(
        absl::ResourceExhaustedError("too many calls are waiting on this node; try again")));
  }
  return reactor;
}

// Parses a request into a Mutation with `parse` (absl::StatusOr<Mutation>()), commits it and
// answers with `fill` (void(const MutationResult&)).  Paths of violations are the request's, with
// those of a schedule under "schedule".
template <typename Parse, typename Fill>
grpc::ServerUnaryReactor* AnswerMutation(RpcContext& rpc, grpc::CallbackServerContext* context,
                                         Parse parse, Fill fill) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto run = [&rpc, context, reactor, parse = std::move(parse), fill = std::move(fill)]() mutable {
    if (context->IsCancelled()) return reactor->Finish(grpc::Status::CANCELLED);
    absl::StatusOr<Mutation> mutation = parse();
    if (!mutation.ok()) return reactor->Finish(ToGrpcStatus(mutation.status()));
    mutation->caller = CallerOf(*context);
    // The committer's thread has better things to do than to write an answer.
    auto done = [&rpc, reactor, fill = std::move(fill)](Committer::Result result) mutable {
      rpc.pool.Post([reactor, fill = std::move(fill), result = std::move(result)]() mutable {
        if (result.ok()) fill(*result);
        reactor->Finish(ToGrpcStatus(WithRequestPaths(result.status(), "schedule")));
      });
    };
    rpc.committer.Submit(*std::move(mutation), std::move(done));
  };
  if (!rpc.pool.TryPost(std::move(run))) {
    reactor->Finish(ToGrpcStatus(
        absl::ResourceExhaustedError("too many calls are waiting on this node; try again")));
  }
  return reactor;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_UNARY_H_
