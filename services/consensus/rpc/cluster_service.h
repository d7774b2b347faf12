#ifndef Z4J_CONSENSUS_RPC_CLUSTER_SERVICE_H_
#define Z4J_CONSENSUS_RPC_CLUSTER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"

namespace z4j::consensus {

// z4j.consensus.v1.ClusterService.  The proto file says what each call does.
class ClusterServiceImpl final : public v1::ClusterService::CallbackService {
 public:
  explicit ClusterServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  // cluster_service.cc: what is known.
  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const v1::ListMembersRequest* request,
                                        v1::ListMembersResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerWriteReactor<v1::SaveSnapshotResponse>* SaveSnapshot(
      grpc::CallbackServerContext* context, const v1::SaveSnapshotRequest* request) override;
  grpc::ServerUnaryReactor* CheckHash(grpc::CallbackServerContext* context,
                                      const v1::CheckHashRequest* request,
                                      v1::CheckHashResponse* response) override;
  grpc::ServerUnaryReactor* GetHealth(grpc::CallbackServerContext* context,
                                      const v1::GetHealthRequest* request,
                                      v1::GetHealthResponse* response) override;

  // cluster_changes.cc: what operators change.
  grpc::ServerUnaryReactor* AddLearner(grpc::CallbackServerContext* context,
                                       const v1::AddLearnerRequest* request,
                                       v1::AddLearnerResponse* response) override;
  grpc::ServerUnaryReactor* PromoteMember(grpc::CallbackServerContext* context,
                                          const v1::PromoteMemberRequest* request,
                                          v1::PromoteMemberResponse* response) override;
  grpc::ServerUnaryReactor* RemoveMember(grpc::CallbackServerContext* context,
                                         const v1::RemoveMemberRequest* request,
                                         v1::RemoveMemberResponse* response) override;
  grpc::ServerUnaryReactor* TransferLeader(grpc::CallbackServerContext* context,
                                           const v1::TransferLeaderRequest* request,
                                           v1::TransferLeaderResponse* response) override;
  grpc::ServerUnaryReactor* RaiseTokens(grpc::CallbackServerContext* context,
                                        const v1::RaiseTokensRequest* request,
                                        v1::RaiseTokensResponse* response) override;

 private:
  RpcContext& rpc_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_CLUSTER_SERVICE_H_
