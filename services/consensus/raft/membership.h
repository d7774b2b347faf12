#ifndef Z4J_CONSENSUS_RAFT_MEMBERSHIP_H_
#define Z4J_CONSENSUS_RAFT_MEMBERSHIP_H_

#include <string>
#include <string_view>
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
  // For all but kRemove.  Of a node that is a member already, an empty address and incarnation 0
  // leave what is known.
  Member member;
};

// One change of several steps.  No steps: leave the joint phase.
struct ConfigChange {
  std::vector<ConfigStep> steps;
};

// The configuration that `change` leads to: itself if at most one voter changes, else a joint one
// that leaves by itself.
//   INVALID_ARGUMENT     no voter would remain; a step's node is 0 or, for kRemove and kUpdate, no
//                        member; a member's known incarnation would change (remove it first, and
//                        add it again by a second change: it must not inherit the other's votes);
//                        more than kMembersMax members.
//   FAILED_PRECONDITION  `config` is joint already, or is not although no steps are given.
absl::StatusOr<Config> ChangeConfig(const Config& config, const ConfigChange& change);

// The three moves that ChangeConfig is made of.  They accept, refuse and do what etcd's confchange
// does: steps for node 0, removals and updates of a node that is no member do nothing.
//   FAILED_PRECONDITION  joint or not joint, when the move needs the contrary.
//   INVALID_ARGUMENT     no voter would remain; a simple change of more than one voter; entering a
//                        joint phase without a voter.
absl::StatusOr<Config> SimpleChange(const Config& config, const std::vector<ConfigStep>& steps);
absl::StatusOr<Config> EnterJoint(const Config& config, const std::vector<ConfigStep>& steps,
                                  bool auto_leave);
absl::StatusOr<Config> LeaveJoint(const Config& config);

// OK if `config` keeps its own rules: everyone in a set is a member and every member is in a set,
// learners do not vote, learners_next vote in `outgoing`, and only a joint one has an `outgoing`, a
// learners_next and an auto_leave.  INVALID_ARGUMENT.
absl::Status CheckConfig(const Config& config);

// The bytes of a configuration entry, and back.  DATA_LOSS on bytes that are none.
std::string EncodeConfig(const Config& config);
absl::StatusOr<Config> DecodeConfig(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_MEMBERSHIP_H_
