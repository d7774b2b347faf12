#ifndef Z4J_TESTS_SIMULATION_ORACLE_H_
#define Z4J_TESTS_SIMULATION_ORACLE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
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

  // `writes` are on their way to a node's disk: a crash may bring them there, or not.
  void Writing(NodeId node, const std::vector<Write>& writes);
  // A node's disk now has what `writes` say: what the node may promise from here on.
  void Durable(NodeId node, const std::vector<Write>& writes);
  // A node started from what was on its disk.  `rotten`: some of it may have changed there.
  void Recovered(NodeId node, const consensus::Recovered& found, bool rotten);
  // A node lost its disk: who starts under its number is another one.
  void Wiped(NodeId node);
  // A VoteRequest arrives at a node in this state; or an AppendReply.
  void Asked(NodeId node, const Message& message, const RaftStatus& status);
  void Answered(NodeId node, const Message& message);
  // A message leaves a node; for TimeoutNow, which is in this state.
  void Sent(NodeId node, const Message& message);
  void HandsOver(NodeId node, NodeId target, const RaftStatus& status);
  // A node applied an entry, and its machine now has this hash.
  void Applied(NodeId node, const Entry& entry, const CoordinationMachine* machine);
  // A leader in this state appended a configuration of its own.
  void ChangesMembers(NodeId node, const Entry& entry, const RaftStatus& status);
  // What a node's log has become in its memory; its disk follows.
  void Appends(NodeId node, const Write& write);
  // A node's state after an event.  `awake`: since when it runs without having stood still.
  void Look(NodeId node, const RaftStatus& status, Instant awake);
  // Two nodes hold a lease at the same instant.
  void LeasesOverlap(NodeId a, NodeId b);
  // A session was heard by the cluster at this instant, on the client's side: when it sent.
  void KeptAlive(SessionId session, absl::Duration ttl, Instant sent);
  // How fast the slowest and the fastest clock go; sessions live at least as long on the fastest.
  void set_drift(double drift) { drift_ = drift; }
  double drift() const { return drift_; }
  // When a node was the first to apply the end of a session.
  std::optional<Instant> EndedAt(SessionId session) const;

  void Fail(std::string breach);
  const std::string& breach() const { return breach_; }
  Index committed() const { return log_.empty() ? Index{} : log_.rbegin()->first; }

 private:
  struct Decided {
    Term term;
    uint64_t data_hash;
  };
  struct Disk {
    Term term;
    NodeId vote;
    Index last;
    Index least;  // What `last` is at least if the writes on their way get lost.
    Index most;   // What it ever was; a later leader may have cut it since.
    bool damaged = false;
  };
  // A leadership, as far as it has been seen.
  struct Leading {
    NodeId node;
    Instant since;                    // With this quorum.
    Index first;                      // The first entry of its own.
    Index config;                     // The last configuration of its own.
    std::map<NodeId, Instant> heard;  // When each peer's newest answer came.
    std::map<NodeId, Index> match;
  };

  void CheckVote(NodeId node, const Message& message, const VoteReply& vote, const Disk& disk);
  void CheckNewLeader(NodeId node, const RaftStatus& status);
  void CheckLeader(const RaftStatus& status, Instant awake, Leading& leading);
  void CheckCommit(NodeId node, const RaftStatus& status);
  void CheckConfig(NodeId node, const RaftStatus& status);
  bool QuorumHeard(const Config& config, const Leading& leading, Instant since) const;

  World& world_;
  std::string breach_;
  double drift_ = 0;
  std::map<Term, Leading> leaders_;
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  // Whether a voter may grant what a candidate asked it in a term; by `pre`.
  std::map<std::tuple<NodeId, NodeId, Term, bool>, bool> may_grant_;
  std::map<Index, Decided> log_;
  std::map<std::pair<Index, Term>, uint64_t> entries_;  // Hashes of all that was ever written.
  std::set<NodeId> wiped_;
  std::map<NodeId, Index> commits_;  // Since the last start.
  // The configurations that stand in each node's log, or that it began with.
  std::map<NodeId, std::map<Index, Config>> configs_;
  std::set<NodeId> configs_changed_;  // Since they were last looked at.
  std::map<Index, uint64_t> hashes_;
  std::map<NodeId, Disk> disks_;
  std::map<NodeId, Term> terms_;
  std::map<SessionId, Instant> alive_until_;
  std::map<SessionId, Instant> ended_;
  CoordinationMachine machine_;  // Applies each entry when the first node does.
  Token last_token_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_ORACLE_H_
