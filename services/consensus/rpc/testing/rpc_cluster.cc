#include "services/consensus/rpc/testing/rpc_cluster.h"

#include <thread>

#include "services/consensus/rpc/convert.h"
#include "services/consensus/storage/memory_log_storage.h"

namespace z4j::consensus {

void ServedNode::Serve() {
  grpc::ServerBuilder builder;
  for (grpc::Service* service : services.services()) builder.RegisterService(service);
  server = builder.BuildAndStart();
  const auto channel = server->InProcessChannel(grpc::ChannelArguments());
  sessions = v1::SessionService::NewStub(channel);
  elections = v1::ElectionService::NewStub(channel);
  locks = v1::LockService::NewStub(channel);
  kv = v1::KvService::NewStub(channel);
  cluster = v1::ClusterService::NewStub(channel);
}

void ServedNode::Stop() {
  if (server == nullptr) return;
  server->Shutdown(std::chrono::system_clock::now());
  server->Wait();
}

RpcClusterTest::RpcClusterTest(int size, int requests_per_second) {
  for (int number = 1; number <= size; ++number) {
    const NodeIdentity identity = NodeCluster::Identity(number);
    auto storage = std::make_unique<MemoryLogStorage>(identity, NodeCluster::FirstConfig(size));
    auto served = std::make_unique<ServedNode>(identity, cluster_.clock(), requests_per_second);
    cluster_.Start(std::move(storage), served->services.listeners(),
                   [&](Node& node) { served->services.Attach(node); });
    served->Serve();
    served_[identity.id] = std::move(served);
  }
}

RpcClusterTest::~RpcClusterTest() {
  for (auto& [id, served] : served_) StopNode(id);
}

NodeId RpcClusterTest::StartAnother(int number) {
  const NodeIdentity identity = NodeCluster::Identity(number);
  auto served = std::make_unique<ServedNode>(identity, cluster_.clock());
  cluster_.Start(std::make_unique<MemoryLogStorage>(identity, Config{}),
                 served->services.listeners(), [&](Node& node) { served->services.Attach(node); });
  served->Serve();
  served_[identity.id] = std::move(served);
  return identity.id;
}

void RpcClusterTest::StopNode(NodeId id) {
  served(id).services.Shutdown();
  cluster_.Stop(id);
  served(id).Stop();
}

NodeId RpcClusterTest::AwaitFollower() {
  NodeId found;
  Await([&] {
    for (const auto& [id, served] : served_) {
      const SoftState soft = cluster_.node(id).Status().raft.soft;
      if (soft.role == Role::kFollower && soft.leader) found = id;
    }
    return static_cast<bool>(found);
  });
  return found;
}

void RpcClusterTest::Await(const std::function<bool()>& condition) {
  const MonoTime give_up = cluster_.In(NodeCluster::kAwaitMax);
  while (!condition()) {
    ASSERT_LT(cluster_.clock().MonoNow(), give_up);
    std::this_thread::yield();
  }
}

uint64_t RpcClusterTest::Open(absl::Duration ttl, const std::string& owner) {
  v1::OpenSessionRequest request;
  request.set_nonce(++nonces_);
  request.set_owner(owner);
  SetDuration(ttl, request.mutable_ttl());
  v1::OpenSessionResponse response;
  Context context;
  EXPECT_THAT(leader().sessions->OpenSession(context, request, &response), IsGood());
  return response.session_id();
}

grpc::Status RpcClusterTest::Close(uint64_t session) {
  v1::CloseSessionRequest request;
  request.set_session_id(session);
  v1::CloseSessionResponse response;
  Context context;
  return leader().sessions->CloseSession(context, request, &response);
}

v1::RequestId RpcClusterTest::NextRequest(uint64_t session) {
  v1::RequestId request;
  request.set_session_id(session);
  const uint64_t sequence = ++sequences_[session];
  request.set_sequence(sequence);
  if (sequence > 32) request.set_first_outstanding(sequence - 32);
  return request;
}

v1::RequestId RpcClusterTest::ClientRequest() {
  v1::RequestId request;
  request.set_client_id(77);
  request.set_sequence(++sequences_[0]);
  request.set_first_outstanding(sequences_[0]);
  return request;
}

v1::CampaignRequest RpcClusterTest::Candidate(uint64_t session, const std::string& name,
                                              const std::string& value) {
  v1::CampaignRequest request;
  *request.mutable_request_id() = NextRequest(session);
  request.set_name(name);
  request.set_value(value);
  return request;
}

v1::Leader RpcClusterTest::Lead(uint64_t session, const std::string& name) {
  v1::CampaignResponse response;
  Context context;
  EXPECT_THAT(leader().elections->Campaign(context, Candidate(session, name), &response), IsGood());
  return response.leader();
}

Pending<v1::CampaignResponse> RpcClusterTest::BeginCampaign(const v1::CampaignRequest& request) {
  return Begin(*leader().elections, &v1::ElectionService::Stub::Campaign, request);
}

grpc::Status RpcClusterTest::Resign(uint64_t session, const v1::Leader& leads, uint64_t successor) {
  v1::ResignRequest request;
  *request.mutable_request_id() = NextRequest(session);
  request.set_name(leads.name());
  request.set_token(leads.token());
  request.set_successor(successor);
  v1::ResignResponse response;
  Context context;
  return leader().elections->Resign(context, request, &response);
}

void RpcClusterTest::AwaitWaiting(const std::string& election,
                                  const std::vector<uint64_t>& sessions) {
  v1::GetLeaderRequest request;
  request.set_name(election);
  Await([&] {
    v1::GetLeaderResponse response;
    Context context;
    if (!leader().elections->GetLeader(context, request, &response).ok()) return false;
    return std::vector<uint64_t>(response.waiting().begin(), response.waiting().end()) == sessions;
  });
}

grpc::Status RpcClusterTest::Put(const std::string& key, const std::string& value,
                                 v1::PutResponse* response) {
  v1::PutRequest request;
  *request.mutable_request_id() = ClientRequest();
  request.set_key(key);
  request.set_value(value);
  v1::PutResponse unused;
  Context context;
  return leader().kv->Put(context, request, response == nullptr ? &unused : response);
}

}  // namespace z4j::consensus
