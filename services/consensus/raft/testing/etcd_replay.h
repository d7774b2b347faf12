#ifndef Z4J_CONSENSUS_RAFT_TESTING_ETCD_REPLAY_H_
#define Z4J_CONSENSUS_RAFT_TESTING_ETCD_REPLAY_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/base/mono_time.h"
#include "services/consensus/raft/raft.h"
#include "services/consensus/raft/testing/cluster.h"
#include "services/consensus/raft/testing/directives.h"

// Drives this core by the directives of etcd's interaction tests.
//
// Where the two differ in what they can be asked for, the replay translates: a bootstrapped node's
// snapshot counts as seen in term 1, so that all later terms are one higher here (kTermsAhead); an
// election without pre-vote is one whose pre-vote is over at once; and where etcd runs without
// check-quorum, a voter has forgotten its leader by the time it is asked for its vote.
namespace z4j::consensus {

inline constexpr uint64_t kTermsAhead = 1;

class EtcdReplay {
 public:
  struct Node {
    std::unique_ptr<Raft> raft;
    MonoTime now;
    TestDisk disk;
    std::deque<Write> unsynced;  // Where the disk is a thread of its own.
    Index applied;
  };

  // Does what `directive` says.  False: nothing here corresponds to it.
  bool Run(const Directive& directive);
  // Whether the last proposal, of either kind, was taken.
  bool accepted() const { return accepted_; }
  const std::map<NodeId, Node>& nodes() const { return nodes_; }

 private:
  void AddNodes(const Directive& directive);
  bool ChangeMembers(const Directive& directive);
  void Campaign(NodeId id);
  void Compact(NodeId id, Index to);
  void SendSnapshot(NodeId from, NodeId to);
  void Tick(NodeId id, int times);
  void DeliverSome(const Directive& directive);
  void Stabilize(std::vector<NodeId> ids);
  void Pump(NodeId id);
  void Persist(NodeId id);
  void Deliver(const Message& message);
  void Forget(Node& voter, const Message& message) const;
  std::vector<Message> TakeFor(NodeId to, const std::function<bool(const Message&)>& wanted);
  Node& LeaderFor(NodeId id);

  std::map<NodeId, Node> nodes_;
  std::deque<Message> network_;
  bool check_quorum_ = false;
  bool pre_vote_ = false;
  bool own_disk_thread_ = false;
  bool accepted_ = true;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_ETCD_REPLAY_H_
