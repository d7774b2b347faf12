#ifndef Z4J_CONSENSUS_RPC_ELECTION_SERVICE_H_
#define Z4J_CONSENSUS_RPC_ELECTION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/election.grpc.pb.h"

namespace z4j::consensus {

// z4j.consensus.v1.ElectionService.  The proto file says what each call does.
class ElectionServiceImpl final : public v1::ElectionService::CallbackService {
 public:
  explicit ElectionServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  grpc::ServerUnaryReactor* Campaign(grpc::CallbackServerContext* context,
                                     const v1::CampaignRequest* request,
                                     v1::CampaignResponse* response) override;
  grpc::ServerUnaryReactor* Proclaim(grpc::CallbackServerContext* context,
                                     const v1::ProclaimRequest* request,
                                     v1::ProclaimResponse* response) override;
  grpc::ServerUnaryReactor* Resign(grpc::CallbackServerContext* context,
                                   const v1::ResignRequest* request,
                                   v1::ResignResponse* response) override;
  grpc::ServerUnaryReactor* GetLeader(grpc::CallbackServerContext* context,
                                      const v1::GetLeaderRequest* request,
                                      v1::GetLeaderResponse* response) override;
  grpc::ServerWriteReactor<v1::ObserveResponse>* Observe(
      grpc::CallbackServerContext* context, const v1::ObserveRequest* request) override;

 private:
  RpcContext& rpc_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_ELECTION_SERVICE_H_
