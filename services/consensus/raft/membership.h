#ifndef Z4J_CONSENSUS_RAFT_MEMBERSHIP_H_
#define Z4J_CONSENSUS_RAFT_MEMBERSHIP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/raft/types.h"

// Changes of membership, pure: from one configuration to the next (§6; joint consensus, learners).
namespace z4j::consensus {

struct ConfigStep {
  enum class Kind : uint8_t {
    kAddVoter,
    kAddLearner,
    kRemove,
    kUpdate,  // Address or incarnation of a member.
  };
  Kind kind = Kind::kAddVoter;
  NodeId id;
  Member member;  // For all but kRemove.
};

// One change of several steps.  No steps: leave the joint phase.
struct ConfigChange {
  std::vector<ConfigStep> steps;
};

// The configuration that `change` leads to: itself if at most one voter changes, else a joint one
// that leaves by itself.  INVALID_ARGUMENT: no voter would remain, the step's node is unknown, …;
// FAILED_PRECONDITION: `config` is joint already, or is not although no steps are given.
absl::StatusOr<Config> ChangeConfig(const Config& config, const ConfigChange& change);

// The three moves that ChangeConfig is made of; each refuses what etcd's confchange refuses.
absl::StatusOr<Config> SimpleChange(const Config& config, const std::vector<ConfigStep>& steps);
absl::StatusOr<Config> EnterJoint(const Config& config, const std::vector<ConfigStep>& steps,
                                  bool auto_leave);
absl::StatusOr<Config> LeaveJoint(const Config& config);

// OK if `config` keeps its own rules (disjoint sets, members known, …).
absl::Status CheckConfig(const Config& config);

// The bytes of a configuration entry, and back.  DATA_LOSS on bytes that are none.
std::string EncodeConfig(const Config& config);
absl::StatusOr<Config> DecodeConfig(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_MEMBERSHIP_H_
