#ifndef Z4J_CONSENSUS_RAFT_TESTING_LONE_NODE_H_
#define Z4J_CONSENSUS_RAFT_TESTING_LONE_NODE_H_

#include <memory>
#include <utility>
#include <vector>

#include "services/consensus/raft/raft.h"
#include "services/consensus/raft/testing/cluster.h"

// One node whose peers are played by the test, message by message.
namespace z4j::consensus {

// Nodes 1 … n as voters.
Config VotersUpTo(int n);
// Entries from index 1 on, with these terms; each command is its index as text.
std::vector<Entry> EntriesOf(const std::vector<uint64_t>& terms);
Entry EntryAt(uint64_t index, uint64_t term);
Entry ConfigEntryAt(uint64_t index, uint64_t term, const Config& config);

struct LoneSetup {
  uint64_t term = 1;
  NodeId vote = {};
  std::vector<uint64_t> log = {};  // Terms of the entries.
  uint64_t commit = 0;
  int voters = 3;
  Recovered found = {};  // If it has a snapshot or entries, instead of `log`.
  RaftLimits limits = {};
  Incarnation incarnation = {};
};

class LoneNode {
 public:
  explicit LoneNode(LoneSetup setup = {});

  Raft& raft() { return *raft_; }
  RaftStatus status() const { return raft_->Status(); }
  MonoTime now() const { return now_; }

  void Advance(absl::Duration by) { now_ = now_ + by; }
  void Tick(absl::Duration by) {
    Advance(by);
    raft_->Tick(now_);
  }
  // Peers speak with incarnation 0 unless another is given.
  absl::Status Step(uint64_t from, uint64_t term, MessageBody body, Incarnation incarnation = {});
  // Takes what is to be done; writes are on the disk at once unless the disk is slow.  Returns the
  // messages since the last call.
  std::vector<Message> Sent();
  template <typename Body>
  std::vector<Body> SentOf() {
    std::vector<Body> bodies;
    for (Message& message : Sent()) {
      if (auto* body = std::get_if<Body>(&message.body)) bodies.push_back(std::move(*body));
    }
    return bodies;
  }
  void Persist();

  // Forgets the promise of the start, so that votes are given.
  void OutliveWithholding() { Advance(kTestTimeout); }
  // With the vote of node 2.  The no-op is sent, and not yet acknowledged.
  void BecomeLeader();
  // Node `from` acknowledges everything up to `match`, in answer to the newest message to it.
  absl::Status Acknowledge(uint64_t from, uint64_t match);

  bool slow_disk = false;
  std::vector<Write> writes;  // All of them.
  std::vector<Entry> committed;
  std::vector<ReadReady> reads;
  std::map<NodeId, AppendRequest> newest_append;

 private:
  std::unique_ptr<Raft> raft_;
  MonoTime now_{absl::Seconds(1000)};
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_LONE_NODE_H_
