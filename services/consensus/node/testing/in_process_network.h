#ifndef Z4J_CONSENSUS_NODE_TESTING_IN_PROCESS_NETWORK_H_
#define Z4J_CONSENSUS_NODE_TESTING_IN_PROCESS_NETWORK_H_

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/transport/transport.h"

namespace z4j::consensus {

// Connects the nodes of one process, for tests and benchmarks: what is sent has arrived when the
// call returns.  Thread-safe.
class InProcessNetwork {
 public:
  // The network as node `id` sees it; this outlives it.
  std::unique_ptr<Transport> Join(NodeId id);
  // Nothing reaches `id` or comes from it, until it is cut no more.
  void Cut(NodeId id, bool cut) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Port;

  void Start(NodeId id, TransportEvents& events) ABSL_LOCKS_EXCLUDED(mu_);
  void Stop(NodeId id) ABSL_LOCKS_EXCLUDED(mu_);
  void Send(std::vector<Message> messages) ABSL_LOCKS_EXCLUDED(mu_);
  void SendSnapshot(Message message, SnapshotReader& reader) ABSL_LOCKS_EXCLUDED(mu_);
  // Null: nothing can be brought from the one to the other.
  TransportEvents* Reach(NodeId from, NodeId to) ABSL_SHARED_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  std::map<NodeId, TransportEvents*> running_ ABSL_GUARDED_BY(mu_);
  std::set<NodeId> cut_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_TESTING_IN_PROCESS_NETWORK_H_
