#ifndef Z4J_TESTS_SIMULATION_ORACLE_H_
#define Z4J_TESTS_SIMULATION_ORACLE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/consensus/machine/coordination_machine.h"
#include "services/consensus/node/replica.h"
#include "tests/simulation/world.h"

// What must hold after every event, for all nodes and for ever.  Remembers across crashes what the
// nodes themselves forget.  The first breach ends the run.
namespace z4j::simulation {

using namespace consensus;  // The simulated thing.

class Oracle {
 public:
  explicit Oracle(World& world) : world_(world) {}

  // A node's disk now has what `writes` say: what the node may promise from here on.
  void Durable(NodeId node, const std::vector<Write>& writes);
  // A node started from what was on its disk.
  void Recovered(NodeId node, const consensus::Recovered& found);
  // A message leaves a node.
  void Sent(NodeId node, const Message& message);
  // A node applied an entry, and its machine now has this hash.
  void Applied(NodeId node, const Entry& entry, const CoordinationMachine* machine);
  // A node's state after an event.
  void Look(NodeId node, const RaftStatus& status);
  // Two nodes hold a lease at the same instant.
  void LeasesOverlap(NodeId a, NodeId b);
  // A session was heard by the cluster at this instant, on the client's side: when it sent.
  void KeptAlive(SessionId session, absl::Duration ttl, Instant sent);
  // How fast the slowest and the fastest clock go; sessions live at least as long on the fastest.
  void set_drift(double drift) { drift_ = drift; }

  void Fail(std::string breach);
  const std::string& breach() const { return breach_; }
  Index committed() const { return log_.empty() ? Index{} : log_.rbegin()->first; }

 private:
  struct Decided {
    Term term;
    size_t data_hash;
  };
  struct Disk {
    Term term;
    NodeId vote;
    Index last;
  };

  World& world_;
  std::string breach_;
  double drift_ = 0;
  std::map<Term, NodeId> leaders_;
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::map<Index, Decided> log_;
  std::map<Index, uint64_t> hashes_;
  std::map<NodeId, Disk> disks_;
  std::map<NodeId, Term> terms_;
  std::map<SessionId, Instant> alive_until_;
  CoordinationMachine machine_;  // Applies each entry when the first node does.
  Token last_token_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_ORACLE_H_
