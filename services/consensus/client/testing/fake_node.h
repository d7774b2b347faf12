#ifndef Z4J_CONSENSUS_CLIENT_TESTING_FAKE_NODE_H_
#define Z4J_CONSENSUS_CLIENT_TESTING_FAKE_NODE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "services/base/check.h"
#include "services/consensus/client/testing/fake_cluster.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"
#include "z4j/consensus/v1/election.grpc.pb.h"
#include "z4j/consensus/v1/kv.grpc.pb.h"
#include "z4j/consensus/v1/session.grpc.pb.h"

namespace z4j::consensus::client {

// One node: all services it speaks, and its server.
class FakeNode final : public v1::SessionService::Service,
                       public v1::ElectionService::Service,
                       public v1::KvService::Service,
                       public v1::ClusterService::Service {
 public:
  FakeNode(FakeCluster& cluster, int number) : cluster_(cluster), number_(number) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<v1::SessionService::Service*>(this));
    builder.RegisterService(static_cast<v1::ElectionService::Service*>(this));
    builder.RegisterService(static_cast<v1::KvService::Service*>(this));
    builder.RegisterService(static_cast<v1::ClusterService::Service*>(this));
    server_ = builder.BuildAndStart();
    Z4J_CHECK(server_ != nullptr);
  }
  ~FakeNode() override { Stop(); }

  int port() const { return port_; }
  void Stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_ = nullptr;
  }

  // --- SessionService ---
  grpc::Status OpenSession(grpc::ServerContext* context, const v1::OpenSessionRequest* request,
                           v1::OpenSessionResponse* response) override;
  grpc::Status CloseSession(grpc::ServerContext* context, const v1::CloseSessionRequest* request,
                            v1::CloseSessionResponse* response) override;
  grpc::Status KeepAlive(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::KeepAliveResponse, v1::KeepAliveRequest>* stream) override;

  grpc::Status GetSession(grpc::ServerContext* context, const v1::GetSessionRequest* request,
                          v1::GetSessionResponse* response) override;

  // --- ElectionService ---
  grpc::Status Campaign(grpc::ServerContext* context, const v1::CampaignRequest* request,
                        v1::CampaignResponse* response) override;
  grpc::Status Resign(grpc::ServerContext* context, const v1::ResignRequest* request,
                      v1::ResignResponse* response) override;
  grpc::Status GetLeader(grpc::ServerContext* context, const v1::GetLeaderRequest* request,
                         v1::GetLeaderResponse* response) override;
  grpc::Status Observe(grpc::ServerContext* context, const v1::ObserveRequest* request,
                       grpc::ServerWriter<v1::ObserveResponse>* stream) override;

  // --- KvService ---
  grpc::Status Put(grpc::ServerContext* context, const v1::PutRequest* request,
                   v1::PutResponse* response) override;
  grpc::Status Get(grpc::ServerContext* context, const v1::GetRequest* request,
                   v1::GetResponse* response) override;

  // --- ClusterService ---
  grpc::Status AddLearner(grpc::ServerContext* context, const v1::AddLearnerRequest* request,
                          v1::AddLearnerResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;

 private:
  using Election = FakeCluster::Election;
  using Failing = FakeCluster::Failing;

  grpc::Status Answer(const v1::KeepAliveRequest& request, grpc::ServerContext* context,
                      v1::KeepAliveResponse* response) ABSL_LOCKS_EXCLUDED(cluster_.mu_);

  absl::Mutex& mu() const ABSL_LOCK_RETURNED(cluster_.mu_) { return cluster_.mu_; }
  // What stands against doing it here now: counts the call, waits while the node is mute.
  grpc::Status Admit(const std::string& method, grpc::ServerContext* context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu_);
  grpc::Status Elsewhere() ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu_);
  std::optional<grpc::Status> Scripted(const std::string& method, bool done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu_);
  bool Leads() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu_) {
    return cluster_.leader_ == number_;
  }
  // Runs `act` once per request_id, and otherwise repeats its answer.
  template <typename Request, typename Response, typename Act>
  grpc::Status Once(const std::string& method, grpc::ServerContext* context, const Request& request,
                    Response* response, Act act) ABSL_LOCKS_EXCLUDED(cluster_.mu_);
  // What is waited for is looked at again then.
  void WaitABit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu_);

  FakeCluster& cluster_;
  const int number_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_TESTING_FAKE_NODE_H_
