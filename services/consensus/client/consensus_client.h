#ifndef Z4J_CONSENSUS_CLIENT_CONSENSUS_CLIENT_H_
#define Z4J_CONSENSUS_CLIENT_CONSENSUS_CLIENT_H_

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/client/connection.h"
#include "services/consensus/client/request_ids.h"
#include "services/consensus/client/result.h"
#include "z4j/consensus/v1/cluster.pb.h"
#include "z4j/consensus/v1/election.pb.h"
#include "z4j/consensus/v1/kv.pb.h"
#include "z4j/consensus/v1/lock.pb.h"

namespace z4j::consensus::client {

// What can be asked of a cluster without a session, in the service's own messages.  Mutations get
// their request_id here, and are done once however often they have to be sent.  All block.
// Thread-safe.
class ConsensusClient {
 public:
  // `connection` outlives this.
  explicit ConsensusClient(Connection& connection);

  // --- Keys ---------------------------------------------------------------------------------
  Result<v1::PutResponse> Put(v1::PutRequest request, const CallOptions& call);
  Result<v1::DeleteResponse> Delete(v1::DeleteRequest request, const CallOptions& call);
  Result<v1::TxnResponse> Txn(v1::TxnRequest request, const CallOptions& call);
  Result<v1::GetResponse> Get(const v1::GetRequest& request, const CallOptions& call);
  Result<v1::ListResponse> List(const v1::ListRequest& request, const CallOptions& call);

  // --- Elections and locks ------------------------------------------------------------------
  Result<v1::GetLeaderResponse> GetLeader(const v1::GetLeaderRequest& request,
                                          const CallOptions& call);
  Result<v1::GetLockResponse> GetLock(const v1::GetLockRequest& request, const CallOptions& call);
  Result<v1::ForceReleaseLockResponse> ForceReleaseLock(v1::ForceReleaseLockRequest request,
                                                        const CallOptions& call);

  // --- The cluster --------------------------------------------------------------------------
  Result<v1::ListMembersResponse> ListMembers(const CallOptions& call);
  // Changes have no request_id: one whose fate is unknown is not sent again; look at the members.
  Result<v1::AddLearnerResponse> AddLearner(const v1::AddLearnerRequest& request,
                                            const CallOptions& call);
  Result<v1::PromoteMemberResponse> PromoteMember(const v1::PromoteMemberRequest& request,
                                                  const CallOptions& call);
  Result<v1::RemoveMemberResponse> RemoveMember(const v1::RemoveMemberRequest& request,
                                                const CallOptions& call);
  Result<v1::TransferLeaderResponse> TransferLeader(const v1::TransferLeaderRequest& request,
                                                    const CallOptions& call);
  // Harmless to repeat, and repeated.
  Result<v1::RaiseTokensResponse> RaiseTokens(const v1::RaiseTokensRequest& request,
                                              const CallOptions& call);

  // --- One node -----------------------------------------------------------------------------
  // What the node at `endpoint` says of itself; asked once.
  Result<v1::GetStatusResponse> GetStatus(const std::string& endpoint, const CallOptions& call);
  Result<v1::GetHealthResponse> GetHealth(const std::string& endpoint, const CallOptions& call);
  Result<v1::CheckHashResponse> CheckHash(const std::string& endpoint, const CallOptions& call);
  // Hands the pieces of the node's snapshot to `take`, in order.  Whatever failed, they are no
  // snapshot then.
  Result<Done> SaveSnapshot(const std::string& endpoint, const CallOptions& call,
                            const std::function<absl::Status(const std::string& data)>& take);

 private:
  struct Number {
    uint64_t client_id = 0;
    RequestNumber number;
  };
  // None: too many are under way.
  std::optional<Number> BeginMutation() ABSL_LOCKS_EXCLUDED(mu_);
  void EndMutation(const Number& number, bool forgotten) ABSL_LOCKS_EXCLUDED(mu_);
  template <typename Stub, typename Request, typename Response>
  Result<Response> Mutate(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          Request request, const CallOptions& call);

  Connection& connection_;

  absl::Mutex mu_;
  // The client's number towards the cluster, and its mutations'.
  uint64_t client_id_ ABSL_GUARDED_BY(mu_) = 0;
  RequestIds ids_ ABSL_GUARDED_BY(mu_);
  MonoTime last_used_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_CONSENSUS_CLIENT_H_
