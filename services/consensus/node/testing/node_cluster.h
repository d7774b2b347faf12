#ifndef Z4J_CONSENSUS_NODE_TESTING_NODE_CLUSTER_H_
#define Z4J_CONSENSUS_NODE_TESTING_NODE_CLUSTER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/consensus/node/node.h"
#include "services/consensus/node/testing/in_process_network.h"

namespace z4j::consensus {

// Nodes 1, 2, … with their real threads and clocks in one process, for tests and benchmarks.
// Thread-safe.  What is awaited for longer than kAwaitMax aborts.
class NodeCluster {
 public:
  static constexpr absl::Duration kAwaitMax = absl::Minutes(2);

  // The first configuration of `size` nodes, and the identity of each.
  static Config FirstConfig(int size);
  static NodeIdentity Identity(int number);

  // Every node starts with `options`; the cluster fills in times and seeds.
  explicit NodeCluster(absl::Duration election_timeout, ReplicaOptions options = {});
  ~NodeCluster();  // Stops all.

  // Starts the node that `storage` belongs to; not while other threads use the cluster.  `more` is
  // told after the cluster itself, which keeps on_fatal; `created` has the node before it starts.
  NodeId Start(std::unique_ptr<LogStorage> storage, const NodeListeners& more = {},
               const std::function<void(Node&)>& created = {});
  // The node takes no more calls; it remains until the cluster is gone.
  void Stop(NodeId id) { node(id).Stop(); }

  Node& node(NodeId id) { return *nodes_.at(id).node; }
  InProcessNetwork& network() { return network_; }
  Clock& clock() { return clock_; }
  MonoTime In(absl::Duration duration) { return clock_.MonoNow() + duration; }

  // Some node that leads, other than `besides`.
  NodeId AwaitLeader(NodeId besides = {}) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AwaitFatal(NodeId id) ABSL_LOCKS_EXCLUDED(mu_);

  // Proposes at whoever leads, again and again under the same request, until it is known that it
  // was done.  `answered` sees the result of each call.
  std::string Do(const RequestId& request, const Command& command,
                 const std::function<void(const CallResult&)>& answered = {});
  // Reads at `id` until it can; `look` is called on its core thread.
  void Read(NodeId id, const std::function<void(const CoordinationMachine&)>& look);

 private:
  struct Running {
    std::unique_ptr<LogStorage> storage;
    std::unique_ptr<Transport> network;
    std::unique_ptr<Node> node;
  };

  ReplicaOptions options_;
  SystemClock clock_;
  InProcessNetwork network_;
  std::map<NodeId, Running> nodes_;

  absl::Mutex mu_;
  std::map<NodeId, Term> leading_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, absl::Status> fatal_ ABSL_GUARDED_BY(mu_);
};

// Writes one key.
Command PutKey(std::string key, std::string value);
// The request `sequence` of a client that has one at a time.
RequestId Request(uint64_t client, uint64_t sequence);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_TESTING_NODE_CLUSTER_H_
