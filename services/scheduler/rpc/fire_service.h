#ifndef Z4J_SCHEDULER_RPC_FIRE_SERVICE_H_
#define Z4J_SCHEDULER_RPC_FIRE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/scheduler/rpc/context.h"
#include "z4j/scheduler/v1/fire.grpc.pb.h"

namespace z4j::scheduler {

// z4j.scheduler.v1.FireService.  The proto file says what each call does.
class FireServiceImpl final : public v1::FireService::CallbackService {
 public:
  explicit FireServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetFire(Context* context, const v1::GetFireRequest* request,
                   v1::GetFireResponse* response) override;
  Reactor* ListFires(Context* context, const v1::ListFiresRequest* request,
                     v1::ListFiresResponse* response) override;
  Reactor* CancelFire(Context* context, const v1::CancelFireRequest* request,
                      v1::CancelFireResponse* response) override;
  Reactor* RetryFire(Context* context, const v1::RetryFireRequest* request,
                     v1::RetryFireResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchFiresResponse>* WatchFires(
      Context* context, const v1::WatchFiresRequest* request) override;

 private:
  absl::Status Cancel(const v1::CancelFireRequest& request, const Context& context,
                      v1::CancelFireResponse* response);
  absl::Status Retry(const v1::RetryFireRequest& request, const Context& context,
                     v1::RetryFireResponse* response);

  RpcContext& rpc_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_FIRE_SERVICE_H_
