#ifndef Z4J_CONSENSUS_RAFT_QUORUM_H_
#define Z4J_CONSENSUS_RAFT_QUORUM_H_

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "services/consensus/raft/mutants.h"
#include "services/consensus/raft/types.h"

// What a majority has reached; while a configuration is joint, what both majorities have (§6).
namespace z4j::consensus {

enum class VoteResult { kPending, kLost, kWon };

// 0 of 0, 1 of 1, 2 of 2, 2 of 3, 3 of 4, 3 of 5 …
inline size_t MajorityOf(size_t voters) {
  if (Broken(Rule::kMajorityIsMoreThanHalf)) return (voters + 1) / 2;
  return voters == 0 ? 0 : voters / 2 + 1;
}

// The largest value that a majority of `voters` has reached; `if_nobody` without voters: the empty
// half of a configuration that is not joint decides nothing.
template <typename T, typename ValueOf>
T MajorityValue(const std::set<NodeId>& voters, T if_nobody, const ValueOf& value_of) {
  if (voters.empty()) return if_nobody;
  std::vector<T> values;
  values.reserve(voters.size());
  for (NodeId id : voters) values.push_back(value_of(id));
  std::sort(values.begin(), values.end());
  return values[values.size() - MajorityOf(values.size())];
}

template <typename T, typename ValueOf>
T QuorumValue(const std::set<NodeId>& voters, const std::set<NodeId>& outgoing, T if_nobody,
              const ValueOf& value_of) {
  const T incoming = MajorityValue(voters, if_nobody, value_of);
  if (Broken(Rule::kJointNeedsBothMajorities)) return incoming;
  return std::min(incoming, MajorityValue(outgoing, if_nobody, value_of));
}
template <typename T, typename ValueOf>
T QuorumValue(const Config& config, T if_nobody, const ValueOf& value_of) {
  return QuorumValue(config.voters, config.outgoing, if_nobody, value_of);
}

// `votes`: who answered, and whether with yes.  Votes of others than the voters do not count.
// Without voters the election is won.
VoteResult MajorityVote(const std::set<NodeId>& voters, const std::map<NodeId, bool>& votes);
VoteResult JointVote(const std::set<NodeId>& voters, const std::set<NodeId>& outgoing,
                     const std::map<NodeId, bool>& votes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_QUORUM_H_
