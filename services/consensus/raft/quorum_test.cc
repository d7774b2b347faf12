#include "services/consensus/raft/quorum.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/rng.h"

namespace z4j::consensus {
namespace {

using Ids = std::set<NodeId>;

Index Committed(const Ids& voters, const Ids& outgoing, const std::map<NodeId, Index>& match) {
  return QuorumValue(voters, outgoing, Index{UINT64_MAX},
                     [&](NodeId id) { return match.contains(id) ? match.at(id) : Index{}; });
}

// From the definition: how many have it?
Index ByCounting(const Ids& voters, const std::map<NodeId, Index>& match) {
  if (voters.empty()) return {UINT64_MAX};
  Index best;
  for (const auto& [unused, index] : match) {
    size_t have = 0;
    for (NodeId id : voters) have += match.contains(id) && match.at(id) >= index ? 1 : 0;
    if (2 * have > voters.size()) best = std::max(best, index);
  }
  return best;
}

// From the definition: is it won, or can it still be, whatever the missing votes are?
VoteResult ByTrying(const Ids& voters, const std::map<NodeId, bool>& votes) {
  if (voters.empty()) return VoteResult::kWon;
  size_t yes = 0;
  size_t no = 0;
  for (NodeId id : voters) {
    if (votes.contains(id)) ++(votes.at(id) ? yes : no);
  }
  if (2 * yes > voters.size()) return VoteResult::kWon;
  return 2 * (voters.size() - no) > voters.size() ? VoteResult::kPending : VoteResult::kLost;
}

Ids DrawIds(Rng& rng, uint64_t most) {
  Ids ids;
  for (uint64_t i = rng.Below(most + 1); i > 0; --i) ids.insert(NodeId{1 + rng.Below(9)});
  return ids;
}

TEST(QuorumTest, AgreesWithCountingForAnyTwoMajorities) {
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Rng rng(seed);
    const Ids voters = DrawIds(rng, 7);
    const Ids outgoing = DrawIds(rng, 7);
    std::map<NodeId, Index> match;
    std::map<NodeId, bool> votes;
    for (uint64_t id = 1; id <= 9; ++id) {
      if (rng.Chance(3, 4)) match[NodeId{id}] = {rng.Below(6)};
      if (rng.Chance(1, 2)) votes[NodeId{id}] = rng.Chance(1, 2);
    }
    ASSERT_EQ(Committed(voters, {}, match), ByCounting(voters, match));
    ASSERT_EQ(Committed(voters, outgoing, match),
              std::min(ByCounting(voters, match), ByCounting(outgoing, match)));
    ASSERT_EQ(MajorityVote(voters, votes), ByTrying(voters, votes));
    const VoteResult incoming = ByTrying(voters, votes);
    const VoteResult old = ByTrying(outgoing, votes);
    const bool lost = incoming == VoteResult::kLost || old == VoteResult::kLost;
    const bool won = incoming == VoteResult::kWon && old == VoteResult::kWon;
    ASSERT_EQ(JointVote(voters, outgoing, votes), lost  ? VoteResult::kLost
                                                  : won ? VoteResult::kWon
                                                        : VoteResult::kPending);
  }
}

TEST(QuorumTest, AnyTwoQuorumsOfTheSameVotersShareOne) {
  for (size_t voters = 1; voters <= 9; ++voters) EXPECT_GT(2 * MajorityOf(voters), voters);
}

}  // namespace
}  // namespace z4j::consensus
