#include "services/consensus/node/testing/node_cluster.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "services/base/check.h"

namespace z4j::consensus {

Config NodeCluster::FirstConfig(int size) {
  Config config;
  for (int number = 1; number <= size; ++number) {
    const NodeIdentity node = Identity(number);
    config.voters.insert(node.id);
    config.members[node.id] = {"in-process:" + std::to_string(number), node.incarnation};
  }
  return config;
}

NodeIdentity NodeCluster::Identity(int number) {
  const auto id = static_cast<uint64_t>(number);
  return {{77}, {id}, {1000 + id}};
}

NodeCluster::NodeCluster(absl::Duration election_timeout, ReplicaOptions options)
    : options_(std::move(options)) {
  options_.raft.election_timeout = election_timeout;
  options_.raft.heartbeat_interval = election_timeout / 5;
}

NodeCluster::~NodeCluster() {
  for (auto& [id, running] : nodes_) running.node->Stop();
}

NodeId NodeCluster::Start(std::unique_ptr<LogStorage> storage, const NodeListeners& more,
                          const std::function<void(Node&)>& created) {
  const NodeId id = storage->identity().id;
  Running running;
  running.storage = std::move(storage);
  running.network = network_.Join(id);
  options_.raft.seed = id.value;
  NodeListeners listeners;
  listeners.on_leadership = [this, id, more](const std::optional<Leadership>& leadership) {
    {
      absl::MutexLock lock(&mu_);
      leading_.erase(id);
      if (leadership) leading_[id] = leadership->term;
    }
    if (more.on_leadership) more.on_leadership(leadership);
  };
  listeners.on_events = more.on_events;
  listeners.on_fatal = [this, id](const absl::Status& status) {
    absl::MutexLock lock(&mu_);
    fatal_[id] = status;
  };
  auto node =
      Node::Create(options_, std::move(listeners), *running.storage, *running.network, clock_);
  Z4J_CHECK(node.ok());
  running.node = *std::move(node);
  if (created) created(*running.node);
  Z4J_CHECK(running.node->Start().ok());
  nodes_[id] = std::move(running);
  return id;
}

NodeId NodeCluster::AwaitLeader(NodeId besides) {
  NodeId leader;
  auto found = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Term newest;
    for (const auto& [id, term] : leading_) {
      if (id == besides || term <= newest) continue;
      newest = term;
      leader = id;
    }
    return static_cast<bool>(leader);
  };
  absl::MutexLock lock(&mu_);
  Z4J_CHECK(mu_.AwaitWithTimeout(absl::Condition(&found), kAwaitMax));
  return leader;
}

absl::Status NodeCluster::AwaitFatal(NodeId id) {
  auto failed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return fatal_.contains(id); };
  absl::MutexLock lock(&mu_);
  Z4J_CHECK(mu_.AwaitWithTimeout(absl::Condition(&failed), kAwaitMax));
  return fatal_[id];
}

std::string NodeCluster::Do(const RequestId& request, const Command& command,
                            const std::function<void(const CallResult&)>& answered) {
  const MonoTime give_up = In(kAwaitMax);
  while (clock_.MonoNow() < give_up) {
    absl::Notification done;
    CallResult result;
    const absl::Status taken = node(AwaitLeader())
                                   .Propose(request, command, In(absl::Seconds(5)),
                                            [&](const CallResult& it, const Replica&) {
                                              result = it;
                                              if (answered) answered(it);
                                              done.Notify();
                                            });
    if (!taken.ok()) continue;
    done.WaitForNotification();
    if (result.fate == Fate::kDone) return result.answer;
  }
  Z4J_CHECK(false);
  return "";
}

void NodeCluster::Read(NodeId id, const std::function<void(const CoordinationMachine&)>& look) {
  const MonoTime give_up = In(kAwaitMax);
  bool read = false;
  while (!read) {
    Z4J_CHECK(clock_.MonoNow() < give_up);
    absl::Notification done;
    const absl::Status taken =
        node(id).Read(In(absl::Seconds(5)), [&](const CallResult& result, const Replica& replica) {
          read = result.fate == Fate::kDone;
          if (read) look(replica.machine());
          done.Notify();
        });
    if (taken.ok()) done.WaitForNotification();
  }
}

Command PutKey(std::string key, std::string value) {
  KvTxn txn;
  txn.then.push_back({std::move(key), KvPut{std::move(value)}});
  return txn;
}

RequestId Request(uint64_t client, uint64_t sequence) {
  return {RequestId::Client{client}, sequence, sequence};
}

}  // namespace z4j::consensus
