#ifndef Z4J_CONSENSUS_RAFT_TESTING_SAFETY_H_
#define Z4J_CONSENSUS_RAFT_TESTING_SAFETY_H_

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/consensus/raft/testing/cluster.h"

// Watches a cluster and says what Raft's properties (figure 3 of the paper) and our promises
// forbid.
namespace z4j::consensus {

class SafetyChecker {
 public:
  // Hooks itself into `cluster`, which must outlive it.
  explicit SafetyChecker(TestCluster& cluster);

  // Call after a start, with what was on the disk.
  void Started(uint64_t id);
  // Call before a read is asked for: it must see what is committed by then.
  void ReadAsked(uint64_t id, uint64_t context);
  // Call as often as possible: roles, leases, indexes.
  void CheckNow();
  // Costs the product of all logs; now and then is enough.
  void CheckLogs();

  const std::vector<std::string>& violations() const { return violations_; }
  Index committed() const { return committed_.empty() ? Index{} : committed_.rbegin()->first; }

 private:
  void Sent(const Message& message);
  void Out(uint64_t id, const Output& output);
  void BecameLeader(uint64_t id, Term term);
  void CheckDurable(uint64_t id, const RaftStatus& status);
  void Violated(std::string what) { violations_.push_back(std::move(what)); }

  TestCluster& cluster_;
  std::map<Term, uint64_t> leaders_;
  // By voter, its incarnation, and term.
  std::map<std::tuple<NodeId, Incarnation, Term>, NodeId> votes_;
  std::map<Index, Entry> committed_;
  std::map<uint64_t, TestDisk> logs_;  // Each node's log as it was told to its disk.
  std::map<std::pair<uint64_t, uint64_t>, Index> reads_;  // What must be seen at least.
  std::map<uint64_t, std::pair<Term, Index>> newest_;     // Term and commit index, per start.
  std::vector<std::string> violations_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_SAFETY_H_
