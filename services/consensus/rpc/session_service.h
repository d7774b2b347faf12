#ifndef Z4J_CONSENSUS_RPC_SESSION_SERVICE_H_
#define Z4J_CONSENSUS_RPC_SESSION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/session.grpc.pb.h"

namespace z4j::consensus {

// z4j.consensus.v1.SessionService.  The proto file says what each call does.
class SessionServiceImpl final : public v1::SessionService::CallbackService {
 public:
  explicit SessionServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  grpc::ServerUnaryReactor* OpenSession(grpc::CallbackServerContext* context,
                                        const v1::OpenSessionRequest* request,
                                        v1::OpenSessionResponse* response) override;
  grpc::ServerBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse>* KeepAlive(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* CloseSession(grpc::CallbackServerContext* context,
                                         const v1::CloseSessionRequest* request,
                                         v1::CloseSessionResponse* response) override;
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::GetSessionResponse* response) override;

 private:
  RpcContext& rpc_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_SESSION_SERVICE_H_
