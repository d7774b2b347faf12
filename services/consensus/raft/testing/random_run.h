#ifndef Z4J_CONSENSUS_RAFT_TESTING_RANDOM_RUN_H_
#define Z4J_CONSENSUS_RAFT_TESTING_RANDOM_RUN_H_

#include <map>
#include <string>
#include <vector>

#include "services/base/rng.h"
#include "services/consensus/raft/testing/safety.h"

namespace z4j::consensus {

// Everything that can happen to three to five nodes, at random: loss, repetition, reordering, slow
// disks, crashes that lose unsynced writes, restarts, a lost directory, changes of membership,
// transfers, compaction.
// Equal seeds give equal runs.
class RandomRun {
 public:
  explicit RandomRun(uint64_t seed);

  // Ends early at the first violation.
  void Disturb(int slices);
  // All faults end: a leader must be elected, and everybody must catch up.
  void Recover();
  // Whether a new proposal is committed on all voters.
  bool Serves();

  const std::vector<std::string>& violations() { return checker_.violations(); }
  Index committed() const { return checker_.committed(); }

 private:
  Incarnation IncarnationOf(uint64_t id) const;
  void Adjust(RaftOptions& options);
  uint64_t AnyId() { return 1 + rng_.Below(cluster_.ids().size()); }
  uint64_t AnyRunning();

  enum class Act {
    kNothing,
    kPropose,
    kRead,
    kCompact,
    kChange,
    kTransfer,
    kConnect,
    kStall,
    kCrash,
    kStart,
    kCut,
    kIsolate,
    kHeal,
    kWipe,
  };
  void DrawWeights();
  Act DrawAct();
  uint64_t AnyLeader();
  void Move();
  void MoveNode(Act act, uint64_t id);
  void Restart(uint64_t id);
  void DeliverOne();
  void Pass();
  void ProposeAt(uint64_t id);
  void Ask(uint64_t id);
  void Compact(uint64_t id);
  void Change(uint64_t id);
  ConfigChange DrawChange();
  void Wipe(uint64_t id);
  void ReplaceWiped(uint64_t leader);

  Rng rng_;
  bool identities_;
  bool changes_;
  uint64_t loss_percent_;
  uint64_t commands_ = 0;
  uint64_t wiped_ = 0;  // The node that lost its directory; at most one a run.
  std::map<Act, uint64_t> weights_;
  uint64_t slice_ms_ = 0;        // How far the clock moves at most between two deliveries.
  uint64_t arrives_one_in_ = 1;  // Slices: how slow the network is.
  uint64_t slow_node_ = 0;       // Whose disk takes twenty times as long.
  TestCluster cluster_;
  SafetyChecker checker_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_RANDOM_RUN_H_
