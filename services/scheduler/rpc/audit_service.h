#ifndef Z4J_SCHEDULER_RPC_AUDIT_SERVICE_H_
#define Z4J_SCHEDULER_RPC_AUDIT_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/scheduler/rpc/context.h"
#include "z4j/scheduler/v1/audit.grpc.pb.h"

namespace z4j::scheduler {

// z4j.scheduler.v1.AuditService.  The proto file says what each call does.
class AuditServiceImpl final : public v1::AuditService::CallbackService {
 public:
  explicit AuditServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* ListAuditEntries(Context* context, const v1::ListAuditEntriesRequest* request,
                            v1::ListAuditEntriesResponse* response) override;
  Reactor* VerifyAuditChain(Context* context, const v1::VerifyAuditChainRequest* request,
                            v1::VerifyAuditChainResponse* response) override;

 private:
  absl::Status List(const v1::ListAuditEntriesRequest& request,
                    v1::ListAuditEntriesResponse* response);

  RpcContext& rpc_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_AUDIT_SERVICE_H_
