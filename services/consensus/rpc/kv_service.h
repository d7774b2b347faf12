#ifndef Z4J_CONSENSUS_RPC_KV_SERVICE_H_
#define Z4J_CONSENSUS_RPC_KV_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/kv.grpc.pb.h"

namespace z4j::consensus {

// z4j.consensus.v1.KvService.  The proto file says what each call does.
class KvServiceImpl final : public v1::KvService::CallbackService {
 public:
  explicit KvServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::PutResponse* response) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::ListRequest* request,
                                 v1::ListResponse* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteRequest* request,
                                   v1::DeleteResponse* response) override;
  grpc::ServerUnaryReactor* Txn(grpc::CallbackServerContext* context, const v1::TxnRequest* request,
                                v1::TxnResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;

 private:
  RpcContext& rpc_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_KV_SERVICE_H_
