#include "services/consensus/raft/quorum.h"

namespace z4j::consensus {

VoteResult MajorityVote(const std::set<NodeId>& voters, const std::map<NodeId, bool>& votes) {
  size_t yes = 0;
  size_t missing = 0;
  for (NodeId id : voters) {
    auto vote = votes.find(id);
    if (vote == votes.end()) {
      ++missing;
    } else if (vote->second) {
      ++yes;
    }
  }
  const size_t majority = MajorityOf(voters.size());
  if (yes >= majority) return VoteResult::kWon;
  return yes + missing >= majority ? VoteResult::kPending : VoteResult::kLost;
}

VoteResult JointVote(const std::set<NodeId>& voters, const std::set<NodeId>& outgoing,
                     const std::map<NodeId, bool>& votes) {
  const VoteResult incoming = MajorityVote(voters, votes);
  if (Broken(Rule::kJointNeedsBothMajorities)) return incoming;
  const VoteResult old = MajorityVote(outgoing, votes);
  if (incoming == old) return incoming;
  if (incoming == VoteResult::kLost || old == VoteResult::kLost) return VoteResult::kLost;
  return VoteResult::kPending;
}

}  // namespace z4j::consensus
