#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/cluster.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;

TEST(ReplicationTest, ElectsALeaderByItselfAndAppliesEverywhere) {
  TestCluster cluster(3);
  cluster.Run(absl::Seconds(1));
  ASSERT_TRUE(cluster.LeaderId().has_value());
  const uint64_t leader = *cluster.LeaderId();
  cluster.Propose(leader, "a");
  cluster.Propose(leader, "b");
  cluster.Settle();
  for (uint64_t id : cluster.ids()) EXPECT_THAT(cluster.Commands(id), ElementsAre("a", "b"));
}

TEST(ReplicationTest, ASingleNodeCommitsByItsOwnDiskAlone) {
  TestCluster cluster(1);
  cluster.Elect(1);
  cluster.node(1).slow_disk = true;
  cluster.Propose(1, "a");
  cluster.Settle();
  EXPECT_TRUE(cluster.Commands(1).empty());
  cluster.Persist(1);
  cluster.Settle();
  EXPECT_THAT(cluster.Commands(1), ElementsAre("a"));
}

}  // namespace
}  // namespace z4j::consensus
