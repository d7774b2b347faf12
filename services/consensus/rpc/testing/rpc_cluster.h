#ifndef Z4J_CONSENSUS_RPC_TESTING_RPC_CLUSTER_H_
#define Z4J_CONSENSUS_RPC_TESTING_RPC_CLUSTER_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "services/base/grpc_status.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/node/testing/node_cluster.h"
#include "services/consensus/rpc/services.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"
#include "z4j/consensus/v1/election.grpc.pb.h"
#include "z4j/consensus/v1/kv.grpc.pb.h"
#include "z4j/consensus/v1/lock.grpc.pb.h"
#include "z4j/consensus/v1/session.grpc.pb.h"

namespace z4j::consensus {

inline v1::Failure FailureIn(const grpc::Status& status) {
  v1::Failure failure;
  FindDetail(status, &failure);
  return failure;
}

// EXPECT_THAT(status, FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_SESSION_LOST));
MATCHER_P2(FailsWith, code, reason, "has the code and the reason") {
  *result_listener << arg.error_code() << " " << arg.error_message() << " "
                   << FailureIn(arg).ShortDebugString();
  return arg.error_code() == code && FailureIn(arg).reason() == reason;
}
MATCHER(IsGood, "is OK") {
  *result_listener << arg.error_code() << " " << arg.error_message();
  return arg.ok();
}

// The services of one node behind a server without a port.
struct ServedNode {
  ServedNode(NodeIdentity identity, Clock& clock, int requests_per_second = 0)
      : services({identity, "test", {}, requests_per_second, {}}, clock) {}

  // Serves what was attached.
  void Serve();
  void Stop();  // Of the server; the node must be stopped by then.

  ConsensusServices services;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<v1::SessionService::Stub> sessions;
  std::unique_ptr<v1::ElectionService::Stub> elections;
  std::unique_ptr<v1::LockService::Stub> locks;
  std::unique_ptr<v1::KvService::Stub> kv;
  std::unique_ptr<v1::ClusterService::Stub> cluster;
};

// A call with its context, which a test may cancel.
class Context {
 public:
  Context() { context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2)); }
  grpc::ClientContext* get() { return &context_; }
  operator grpc::ClientContext*() { return &context_; }

 private:
  grpc::ClientContext context_;
};

// A unary call that goes on beside the test.
template <typename Response>
struct Pending {
  Pending() = default;
  Pending(Pending&&) = default;
  ~Pending() {
    if (context != nullptr) context->TryCancel();
  }

  std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
  std::unique_ptr<Response> response = std::make_unique<Response>();
  std::future<grpc::Status> status;
};

template <typename Stub, typename Request, typename Response>
Pending<Response> Begin(Stub& stub,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const std::common_type_t<Request>& request) {
  Pending<Response> pending;
  pending.status = std::async(
      std::launch::async,
      [&stub, method, request, context = pending.context.get(), response = pending.response.get()] {
        return (stub.*method)(context, request, response);
      });
  return pending;
}

// Nodes with their services.  One alone leads for ever, so most tests need no other.
class RpcClusterTest : public testing::Test {
 protected:
  static constexpr absl::Duration kElectionTimeout = absl::Milliseconds(600);

  explicit RpcClusterTest(int size = 1, int requests_per_second = 0);
  ~RpcClusterTest() override;

  ServedNode& served(NodeId id) { return *served_.at(id); }
  ServedNode& leader() { return served(cluster_.AwaitLeader()); }
  // A node that runs and does not lead, and knows who does.
  NodeId AwaitFollower();
  // A node that is no member yet.
  NodeId StartAnother(int number);
  void StopNode(NodeId id);

  // --- Calls of the only node, or of whoever leads at first ----------------------------------
  uint64_t Open(absl::Duration ttl = absl::Seconds(60), const std::string& owner = "test");
  grpc::Status Close(uint64_t session);
  v1::RequestId NextRequest(uint64_t session);
  v1::RequestId ClientRequest();  // Of a client without a session.

  v1::CampaignRequest Candidate(uint64_t session, const std::string& name,
                                const std::string& value = "");
  // Campaigns and leads.
  v1::Leader Lead(uint64_t session, const std::string& name);
  Pending<v1::CampaignResponse> BeginCampaign(const v1::CampaignRequest& request);
  grpc::Status Resign(uint64_t session, const v1::Leader& leader, uint64_t successor = 0);
  // Until so many wait for the election.
  void AwaitWaiting(const std::string& election, const std::vector<uint64_t>& sessions);
  grpc::Status Put(const std::string& key, const std::string& value,
                   v1::PutResponse* response = nullptr);

  // Tries until it is true; the test fails after NodeCluster::kAwaitMax.
  void Await(const std::function<bool()>& condition);

  std::map<NodeId, std::unique_ptr<ServedNode>> served_;
  NodeCluster cluster_{kElectionTimeout};
  std::map<uint64_t, uint64_t> sequences_;
  uint64_t nonces_ = 0;
};

class ThreeNodesTest : public RpcClusterTest {
 protected:
  ThreeNodesTest() : RpcClusterTest(3) {}
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_TESTING_RPC_CLUSTER_H_
