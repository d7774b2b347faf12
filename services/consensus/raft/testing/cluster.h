#ifndef Z4J_CONSENSUS_RAFT_TESTING_CLUSTER_H_
#define Z4J_CONSENSUS_RAFT_TESTING_CLUSTER_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/base/mono_time.h"
#include "services/consensus/raft/raft.h"

// Raft nodes in one thread, whose clock, network and disks the test moves by hand.
namespace z4j::consensus {

// What is durable on one node.
struct TestDisk {
  HardState hard_state;
  SnapshotMeta snapshot;
  std::vector<Entry> entries;

  void Apply(const Write& write);
  void DropBefore(Index first);
};

struct TestNode {
  RaftOptions options;
  TestDisk disk;
  bool damaged = false;
  std::unique_ptr<Raft> raft;  // Null: down.

  bool slow_disk = false;  // Writes wait for Cluster::Persist().
  std::deque<Write> unsynced;
  std::vector<Entry> applied;  // Since the last start or installed snapshot.
  Index applied_to;
  std::vector<ReadReady> reads;
  uint64_t next_context = 1;
};

class TestCluster {
 public:
  // Nodes 1 … voters, all of the first configuration.  `adjust` may change a node's options.
  explicit TestCluster(int voters, std::function<void(RaftOptions&)> adjust = nullptr,
                       uint64_t seed = 1);

  TestNode& node(uint64_t id) { return nodes_.at(NodeId{id}); }
  Raft& raft(uint64_t id) { return *node(id).raft; }
  RaftStatus status(uint64_t id) { return raft(id).Status(); }
  std::vector<uint64_t> ids() const;
  MonoTime now() const { return now_; }

  // A node that is in no configuration yet.
  TestNode& AddNode(uint64_t id, Incarnation incarnation = {});
  void Start(uint64_t id);
  // Stops a node; of the writes that were not synced, the first `writes_kept` reach the disk.
  void Crash(uint64_t id, size_t writes_kept = 0);

  // --- Time.  Advance() moves the clock and tells nobody.
  void Advance(absl::Duration by) { now_ = now_ + by; }
  // Moves on in steps of 5 ms, with ticks and deliveries.
  void Run(absl::Duration by);

  // --- Network
  void Cut(uint64_t from, uint64_t to) { cut_.insert({NodeId{from}, NodeId{to}}); }
  void Isolate(uint64_t id);
  void Heal() { cut_.clear(); }
  // Messages that the filter refuses are lost.
  void Filter(std::function<bool(const Message&)> passes) { passes_ = std::move(passes); }
  // Takes outputs and delivers messages until nothing moves.
  void Settle();
  // Takes the outputs of one node: its messages join the network, its writes the disk.
  void Pump(uint64_t id);
  void Deliver(Message message);
  std::deque<Message>& network() { return network_; }

  // --- Disk: the oldest `writes` writes of a slow disk become durable.
  void Persist(uint64_t id, size_t writes = SIZE_MAX);

  // --- Shorthands
  // Makes `id` leader with the votes it can get; its own-term no-op commits if a quorum answers.
  void Elect(uint64_t id);
  std::optional<uint64_t> LeaderId();  // Of the highest term.
  // Expects success; returns the index.
  Index Propose(uint64_t id, const std::string& command);
  // Takes a snapshot at the applied index.
  void Compact(uint64_t id);
  uint64_t Read(uint64_t id);  // Returns the context.
  // The commands that a node has applied since its start.
  std::vector<std::string> Commands(uint64_t id);

  // Sees every message that is sent, and every output, before they have any effect.
  std::function<void(const Message&)> on_send;
  std::function<void(uint64_t id, const Output&)> on_output;

 private:
  void Persist(TestNode& node, size_t writes);

  std::function<void(RaftOptions&)> adjust_;
  uint64_t seed_;
  Config first_config_;
  MonoTime now_;
  std::map<NodeId, TestNode> nodes_;
  std::deque<Message> network_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  std::function<bool(const Message&)> passes_;
};

constexpr absl::Duration kTestTimeout = absl::Milliseconds(150);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_CLUSTER_H_
