#ifndef Z4J_SCHEDULER_RPC_CLUSTER_VIEW_H_
#define Z4J_SCHEDULER_RPC_CLUSTER_VIEW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/elect/leader_elector.h"
#include "services/scheduler/mutate/mutation.h"

namespace z4j::scheduler {

// What one engine has to do on this node.
struct EngineBacklog {
  std::string engine;
  int64_t pending = 0, in_flight = 0;
  int adapters = 0;
  std::string reason;  // Why fires wait, in a sentence; empty: they do not.
};

// A member of the consensus that the schedulers form.
struct ConsensusPeerState {
  std::string name;
  uint64_t number = 0;
  std::string address;
  bool voter = false, leader = false;
  bool stranger = false;  // The leader alone knows: it speaks with another folder than it had.
  // What the leader alone knows.
  std::optional<bool> reachable;
  std::optional<uint64_t> lag_entries;
  std::optional<absl::Duration> round_trip;
};

// The consensus node in this process.
struct ConsensusState {
  std::string role;  // "leader", "follower", "candidate".
  uint64_t term = 0, epoch = 0;
  uint64_t last_index = 0, commit_index = 0, applied_index = 0;
  std::optional<absl::Duration> lease_remaining;
  std::vector<ConsensusPeerState> peers;  // By number, this node included.
  std::string damage;                     // Of its disk, in words; empty: none.
  bool disk_full = false, disk_stalled = false;
};

// What is asked for of the members of that consensus.
struct MemberWish {
  enum class Verb : uint8_t { kAdd, kPromote, kRemove } verb = Verb::kAdd;
  std::string node;     // Name, or number.
  std::string address;  // kAdd: "host:port" for the other members.
};

// Something that is wrong.
struct HealthFinding {
  bool failing = false;  // It does not work; else it is degraded: the next failure may end it.
  std::string reason;    // In a sentence.
};

// What this node knows of itself and its cluster.
struct ClusterStatus {
  std::string version, node, election, store;
  int schema_version = 0;
  bool is_leader = false;
  LeaderInfo leader;
  std::map<ScheduleState, int64_t> schedules;
  std::vector<EngineBacklog> engines;
  std::vector<AdapterStatus> adapters;
  std::optional<ConsensusState> consensus;  // None: there is none in this process.
  absl::Time started_at;
  absl::Duration uptime;
};

// What the services ask of the running server besides store and committer.  Thread-safe.
class ClusterView {
 public:
  virtual ~ClusterView() = default;
  virtual ClusterStatus Status() = 0;
  // What is wrong with this node and, if it ticks, with the others; empty: nothing.
  virtual std::vector<HealthFinding> Health() = 0;
  // Lets `node` tick (empty: any other), and returns the id of the one that does then.  Waits.
  // Codes as ClusterService.TransferLeadership.
  virtual absl::StatusOr<std::string> TransferLeadership(const std::string& node) = 0;
  // The members of the consensus in this process, as it knows them.  Codes as
  // ClusterService.ListMembers.
  virtual absl::StatusOr<std::vector<ConsensusPeerState>> Members() = 0;
  // Does what is wished, and returns the members as they are then; audited as by `caller`.  Waits.
  // Codes as ClusterService.AddMember, PromoteMember and RemoveMember.
  virtual absl::StatusOr<std::vector<ConsensusPeerState>> ChangeMembers(const MemberWish& wish,
                                                                        const Caller& caller) = 0;
  // What each engine has to do on this node, by name.
  virtual std::vector<EngineBacklog> Engines() = 0;
  // Adapters connected to this node.
  virtual std::vector<AdapterStatus> Adapters() = 0;
  // Asks one of them.  Does not wait.  As OnAnswer says, and NOT_FOUND if it is not connected,
  // UNIMPLEMENTED if it cannot answer such a question.
  virtual void Ask(const std::string& engine, const std::string& instance,
                   const AdapterQuestion& question, OnAnswer done) = 0;
  // Why PENDING fires wait now that go this way.
  virtual WaitCause WhyWaits(const Route& route) = 0;
  // Why this node is not told how runs end that `instance` of `engine` took, and what to change, in
  // a sentence; empty: it is.
  virtual std::string WhyBlind(const std::string& engine, const std::string& instance) = 0;
  // Takes a cancelled fire back from the dispatcher, or asks the engine that has it; `engine` is
  // empty if its schedule is gone.
  virtual void CancelFire(const std::string& engine, const Fire& fire, bool terminate) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_CLUSTER_VIEW_H_
