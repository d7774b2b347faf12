#ifndef Z4J_SCHEDULER_RPC_PURGE_CALL_H_
#define Z4J_SCHEDULER_RPC_PURGE_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "services/scheduler/rpc/context.h"
#include "services/scheduler/rpc/engine_asks.h"
#include "services/scheduler/rpc/purge_tokens.h"
#include "z4j/scheduler/v1/engine.grpc.pb.h"

namespace z4j::scheduler {

// One call of PurgeQueue: asks what waits and, if the caller has seen that before, writes in the
// audit log that the queue will be purged, has it purged, and writes what came of it.  So each
// purge is in the log, also if this process dies in it.  It holds itself until it has answered.
class PurgeCall : public std::enable_shared_from_this<PurgeCall> {
 public:
  // Ends `reactor`.  All outlive the call.
  static void Start(RpcContext& rpc, const PurgeTokens& tokens,
                    const v1::PurgeQueueRequest& request, Caller caller,
                    v1::PurgeQueueResponse* response, grpc::ServerUnaryReactor* reactor);

 private:
  PurgeCall(RpcContext& rpc, const PurgeTokens& tokens, Caller caller,
            v1::PurgeQueueResponse* response, grpc::ServerUnaryReactor* reactor)
      : rpc_(rpc),
        tokens_(tokens),
        caller_(std::move(caller)),
        response_(response),
        reactor_(reactor) {}

  // Which queue is meant, and whether the caller may go on.
  absl::Status Parse(const v1::PurgeQueueRequest& request);
  // In this order, on the pool.  Without a token, Looked is the end.
  void Look();
  void Looked(const absl::StatusOr<AdapterAnswer>& answer);
  void Announce();
  void Purge();
  void Ended(const absl::StatusOr<AdapterAnswer>& answer);

  // Asks the instance, and goes on with the answer.
  void Ask(const AdapterQuestion& question,
           void (PurgeCall::*next)(const absl::StatusOr<AdapterAnswer>&));
  Mutation Entry(const std::string& action, const std::string& after) const;
  void Finish(const absl::Status& status);

  RpcContext& rpc_;
  const PurgeTokens& tokens_;
  const Caller caller_;
  v1::PurgeQueueResponse* const response_;
  grpc::ServerUnaryReactor* const reactor_;
  QueuePlace place_;
  bool confirmed_ = false;  // The caller has a token.
  int64_t depth_ = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_PURGE_CALL_H_
