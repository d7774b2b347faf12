#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/raft/testing/lone_node.h"

// Voters whose stream to the leader broke campaign in turn.
namespace z4j::consensus {
namespace {

const absl::Duration kTurn = kTestTimeout / kTurnsPerTimeout;

TEST(TurnTest, WhoLosesItsStreamToTheLeaderCampaignsOnceItsTimeoutIsOverAndNotBefore) {
  LoneNode node;
  node.OutliveWithholding();
  ASSERT_OK(node.Step(2, 1, AppendRequest{}));
  const MonoTime heard = node.now();
  node.Advance(absl::Milliseconds(5));
  node.raft().PeerConnected(node.now(), {2}, false);
  EXPECT_EQ(node.raft().NextTick(), heard + kTestTimeout + kTurn);
  node.Tick(heard + kTestTimeout - node.now());
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
  node.Tick(kTurn);
  EXPECT_EQ(node.status().soft.role, Role::kPreCandidate);
}

TEST(TurnTest, EachVoterHasItsTurnAlsoIfTheTimeoutIsOverAlready) {
  for (const absl::Duration after : {absl::Milliseconds(20), kTestTimeout}) {
    TestCluster cluster(5);
    cluster.Elect(3);
    const MonoTime heard = cluster.now();
    cluster.Crash(3);
    cluster.Advance(after);
    std::vector<absl::Duration> due;
    for (const uint64_t id : {1, 2, 4, 5}) {
      cluster.raft(id).PeerConnected(cluster.now(), {3}, false);
      due.push_back(cluster.raft(id).NextTick() - heard);
    }
    EXPECT_THAT(due, testing::ElementsAre(kTestTimeout + kTurn, kTestTimeout + 2 * kTurn,
                                          kTestTimeout + 3 * kTurn, kTestTimeout + 4 * kTurn));
  }
}

TEST(TurnTest, AKilledLeaderIsReplacedByTheFirstWhoseTurnItIs) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    TestCluster cluster(3, nullptr, seed);
    cluster.Elect(1);
    cluster.Run(absl::Milliseconds(100));
    const Term term = cluster.status(1).soft.term;
    cluster.Crash(1);
    for (const uint64_t id : {2, 3}) cluster.raft(id).PeerConnected(cluster.now(), {1}, false);
    cluster.Run(kTestTimeout + 2 * kTurn);
    EXPECT_EQ(cluster.LeaderId(), 2);
    EXPECT_EQ(cluster.status(2).soft.term, term.Next());
  }
}

TEST(TurnTest, IfTheFirstIsGoneAsWellTheNextOneCampaigns) {
  TestCluster cluster(5);
  cluster.Elect(1);
  cluster.Crash(1);
  cluster.Crash(2);
  for (const uint64_t id : {3, 4, 5}) cluster.raft(id).PeerConnected(cluster.now(), {1}, false);
  cluster.Run(kTestTimeout + 3 * kTurn);
  EXPECT_EQ(cluster.LeaderId(), 3);
}

TEST(TurnTest, ABrokenStreamToALeaderThatLivesDeposesNobody) {
  TestCluster cluster(3);
  cluster.Elect(1);
  const Term term = cluster.status(1).soft.term;
  for (int i = 0; i < 100; ++i) {
    for (const uint64_t id : {2, 3}) cluster.raft(id).PeerConnected(cluster.now(), {1}, false);
    cluster.Run(absl::Milliseconds(20));
  }
  EXPECT_EQ(cluster.LeaderId(), 1);
  EXPECT_EQ(cluster.status(1).soft.term, term);
}

TEST(TurnTest, ABrokenStreamToSomebodyElseHastensNothing) {
  LoneNode node;
  ASSERT_OK(node.Step(2, 1, AppendRequest{}));
  const MonoTime due = node.raft().NextTick();
  node.raft().PeerConnected(node.now(), {3}, false);
  EXPECT_EQ(node.raft().NextTick(), due);
}

}  // namespace
}  // namespace z4j::consensus
