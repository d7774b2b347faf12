#ifndef Z4J_SCHEDULER_RPC_ENGINE_SERVICE_H_
#define Z4J_SCHEDULER_RPC_ENGINE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/scheduler/rpc/context.h"
#include "services/scheduler/rpc/engine_asks.h"
#include "services/scheduler/rpc/purge_tokens.h"
#include "z4j/scheduler/v1/engine.grpc.pb.h"

namespace z4j::scheduler {

// z4j.scheduler.v1.EngineService.  The proto file says what each call does.  No thread is held
// while an adapter is asked.
class EngineServiceImpl final : public v1::EngineService::CallbackService {
 public:
  explicit EngineServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  grpc::ServerUnaryReactor* ListEngines(grpc::CallbackServerContext* context,
                                        const v1::ListEnginesRequest* request,
                                        v1::ListEnginesResponse* response) override;
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* context,
                                      const v1::ListTasksRequest* request,
                                      v1::ListTasksResponse* response) override;
  grpc::ServerUnaryReactor* ListQueues(grpc::CallbackServerContext* context,
                                       const v1::ListQueuesRequest* request,
                                       v1::ListQueuesResponse* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* PurgeQueue(grpc::CallbackServerContext* context,
                                       const v1::PurgeQueueRequest* request,
                                       v1::PurgeQueueResponse* response) override;

 private:
  // Asks the instances that `request` means, and lets `fill` write what they answered.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const Request* request,
                                 Response* response, AdapterQuestion::What what,
                                 void (*fill)(const std::vector<InstanceAnswer>&, Response*));

  RpcContext& rpc_;
  const PurgeTokens tokens_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_ENGINE_SERVICE_H_
