#ifndef Z4J_CONSENSUS_RPC_LOCK_SERVICE_H_
#define Z4J_CONSENSUS_RPC_LOCK_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/lock.grpc.pb.h"

namespace z4j::consensus {

// z4j.consensus.v1.LockService.  The proto file says what each call does.
class LockServiceImpl final : public v1::LockService::CallbackService {
 public:
  explicit LockServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  grpc::ServerUnaryReactor* AcquireLock(grpc::CallbackServerContext* context,
                                        const v1::AcquireLockRequest* request,
                                        v1::AcquireLockResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseLock(grpc::CallbackServerContext* context,
                                        const v1::ReleaseLockRequest* request,
                                        v1::ReleaseLockResponse* response) override;
  grpc::ServerUnaryReactor* ForceReleaseLock(grpc::CallbackServerContext* context,
                                             const v1::ForceReleaseLockRequest* request,
                                             v1::ForceReleaseLockResponse* response) override;
  grpc::ServerUnaryReactor* GetLock(grpc::CallbackServerContext* context,
                                    const v1::GetLockRequest* request,
                                    v1::GetLockResponse* response) override;
  grpc::ServerUnaryReactor* ListLocks(grpc::CallbackServerContext* context,
                                      const v1::ListLocksRequest* request,
                                      v1::ListLocksResponse* response) override;

 private:
  RpcContext& rpc_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_LOCK_SERVICE_H_
