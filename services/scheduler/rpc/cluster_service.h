#ifndef Z4J_SCHEDULER_RPC_CLUSTER_SERVICE_H_
#define Z4J_SCHEDULER_RPC_CLUSTER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/scheduler/rpc/context.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"

namespace z4j::scheduler {

// z4j.scheduler.v1.ClusterService.  The proto file says what each call does.
class ClusterServiceImpl final : public v1::ClusterService::CallbackService {
 public:
  explicit ClusterServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

  grpc::ServerUnaryReactor* TransferLeadership(grpc::CallbackServerContext* context,
                                               const v1::TransferLeadershipRequest* request,
                                               v1::TransferLeadershipResponse* response) override;
  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const v1::ListMembersRequest* request,
                                        v1::ListMembersResponse* response) override;
  grpc::ServerUnaryReactor* AddMember(grpc::CallbackServerContext* context,
                                      const v1::AddMemberRequest* request,
                                      v1::AddMemberResponse* response) override;
  grpc::ServerUnaryReactor* PromoteMember(grpc::CallbackServerContext* context,
                                          const v1::PromoteMemberRequest* request,
                                          v1::PromoteMemberResponse* response) override;
  grpc::ServerUnaryReactor* RemoveMember(grpc::CallbackServerContext* context,
                                         const v1::RemoveMemberRequest* request,
                                         v1::RemoveMemberResponse* response) override;
  grpc::ServerUnaryReactor* GetHealth(grpc::CallbackServerContext* context,
                                      const v1::GetHealthRequest* request,
                                      v1::GetHealthResponse* response) override;

 private:
  template <typename Response>
  grpc::ServerUnaryReactor* ChangeMembers(grpc::CallbackServerContext* context, MemberWish wish,
                                          Response* response);

  RpcContext& rpc_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_CLUSTER_SERVICE_H_
