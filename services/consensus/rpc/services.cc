#include "services/consensus/rpc/services.h"

#include <utility>

#include "services/consensus/rpc/cluster_service.h"
#include "services/consensus/rpc/election_service.h"
#include "services/consensus/rpc/failure.h"
#include "services/consensus/rpc/health.h"
#include "services/consensus/rpc/kv_service.h"
#include "services/consensus/rpc/lock_service.h"
#include "services/consensus/rpc/session_service.h"

namespace z4j::consensus {

struct ConsensusServices::Impl {
  Impl(ServicesOptions options, Clock& clock) : rpc(std::move(options), clock) {}

  void OnLeadership(const std::optional<Leadership>& leadership) {
    if (leadership || rpc.node == nullptr) return;
    const SoftState soft = rpc.node->Status().raft.soft;
    constexpr char kWhy[] = "this node leads no more";
    rpc.hub.EndLeaderBound(InterruptedFailure(rpc, soft, kWhy), NotLeaderFailure(rpc, soft, kWhy));
  }

  RpcContext rpc;
  SessionServiceImpl sessions{rpc};
  ElectionServiceImpl elections{rpc};
  LockServiceImpl locks{rpc};
  KvServiceImpl kv{rpc};
  ClusterServiceImpl cluster{rpc};
};

ConsensusServices::ConsensusServices(ServicesOptions options, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}

ConsensusServices::~ConsensusServices() = default;

NodeListeners ConsensusServices::listeners() {
  NodeListeners listeners;
  listeners.on_leadership = [impl = impl_.get()](const std::optional<Leadership>& leadership) {
    impl->OnLeadership(leadership);
  };
  listeners.on_events = [impl = impl_.get()](const std::vector<Event>& events,
                                             const CoordinationMachine& machine) {
    impl->rpc.hub.OnEvents(events, machine);
  };
  return listeners;
}

void ConsensusServices::Attach(Node& node) { impl_->rpc.node = &node; }

std::vector<grpc::Service*> ConsensusServices::services() {
  return {&impl_->sessions, &impl_->elections, &impl_->locks, &impl_->kv, &impl_->cluster};
}

std::string ConsensusServices::NotReady() const {
  const RpcContext& rpc = impl_->rpc;
  const HealthVerdict verdict =
      Judge(rpc.node->Health(), rpc.node->election_timeout(), std::nullopt);
  return verdict.ready ? "" : verdict.alarms.front();
}

std::vector<std::string> ConsensusServices::names() {
  return {"z4j.consensus.v1",
          v1::SessionService::service_full_name(),
          v1::ElectionService::service_full_name(),
          v1::LockService::service_full_name(),
          v1::KvService::service_full_name(),
          v1::ClusterService::service_full_name()};
}

void ConsensusServices::Shutdown() {
  const SoftState soft = impl_->rpc.node->Status().raft.soft;
  impl_->rpc.hub.EndAll(InterruptedFailure(impl_->rpc, soft, "the node goes away"));
}

}  // namespace z4j::consensus
