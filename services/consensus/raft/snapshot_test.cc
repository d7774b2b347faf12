#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TestCluster Compacting(int voters) {
  return TestCluster(voters, [](RaftOptions& options) {
    options.limits.tail_entries = 2;
    options.limits.lag_entries = 4;
  });
}

void ProposeMany(TestCluster& cluster, uint64_t leader, int count) {
  for (int i = 0; i < count; ++i) {
    cluster.Propose(leader, absl::StrCat(i));
    cluster.Settle();
  }
}

InstallSnapshot SnapshotAt(uint64_t index, uint64_t term) {
  return {{{index}, {term}, VotersUpTo(3), {}}, 9};
}

TEST(SnapshotTest, AFollowerThatLagsBehindTheLogGetsASnapshot) {
  TestCluster cluster = Compacting(3);
  cluster.Elect(1);
  cluster.Crash(3);
  cluster.Run(2 * kTestTimeout);
  ProposeMany(cluster, 1, 20);
  cluster.Compact(1);
  EXPECT_EQ(cluster.status(1).first, cluster.status(1).last - 1);  // The tail.
  cluster.Start(3);
  cluster.Run(absl::Milliseconds(200));
  EXPECT_GT(cluster.node(3).disk.snapshot.index, Index{0});
  cluster.Propose(1, "after");
  cluster.Settle();
  EXPECT_EQ(cluster.status(3).commit, cluster.status(1).commit);
  EXPECT_EQ(cluster.status(1).peers[1].state, PeerStatus::State::kReplicate);
}

TEST(SnapshotTest, CompactionWaitsForALiveFollowerButNotForEver) {
  TestCluster cluster = Compacting(3);
  cluster.Elect(1);
  ProposeMany(cluster, 1, 3);
  cluster.node(3).slow_disk = true;  // It answers heartbeats and keeps no entry.
  ProposeMany(cluster, 1, 3);
  const Index kept = cluster.status(1).peers[1].match;
  cluster.Compact(1);
  EXPECT_EQ(cluster.status(1).first, kept + 1);
  ProposeMany(cluster, 1, 20);
  cluster.Compact(1);
  EXPECT_EQ(cluster.status(1).first, cluster.status(1).last - 3);
}

// R27: whatever was installed, the log goes on from there; a failed transfer begins again.
TEST(SnapshotTest, AFailedTransferIsTriedAgain) {
  TestCluster cluster = Compacting(3);
  cluster.Elect(1);
  cluster.Crash(3);
  ProposeMany(cluster, 1, 20);
  cluster.Compact(1);
  int lost = 0;
  cluster.Filter([&lost](const Message& message) {
    return !std::holds_alternative<InstallSnapshot>(message.body) || ++lost > 3;
  });
  cluster.Start(3);
  cluster.Run(absl::Milliseconds(500));
  EXPECT_GT(lost, 3);
  EXPECT_EQ(cluster.status(3).commit, cluster.status(1).commit);
}

// R14.
TEST(SnapshotTest, ACandidateTakesTheSnapshotAndFollows) {
  LoneNode node({.term = 3});
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  ASSERT_EQ(node.status().soft.role, Role::kPreCandidate);
  ASSERT_OK(node.Step(2, 3, SnapshotAt(9, 3)));
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
  EXPECT_EQ(node.status().commit, Index{9});
}

TEST(SnapshotTest, AnInstalledSnapshotReplacesTheLogAndIsAcknowledgedWhenTheDiskHasIt) {
  LoneNode node({.term = 3, .log = {1, 1, 1}});
  node.slow_disk = true;
  ASSERT_OK(node.Step(2, 3, SnapshotAt(9, 3)));
  ASSERT_TRUE(node.raft().HasOutput());
  Output output = node.raft().TakeOutput();
  ASSERT_TRUE(output.install.has_value());
  ASSERT_TRUE(output.write.has_value());
  EXPECT_EQ(output.write->snapshot, output.install);
  EXPECT_TRUE(output.write->must_sync);
  EXPECT_THAT(output.messages, IsEmpty());
  node.raft().Persisted(node.now(), output.write->seq);
  const std::vector<AppendReply> replies = node.SentOf<AppendReply>();
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_EQ(replies[0].match, Index{9});
  EXPECT_EQ(node.status().first, Index{10});
}

TEST(SnapshotTest, ASnapshotWhoseEndTheLogHasKeepsTheLog) {
  LoneNode node({.term = 2, .log = {1, 1, 2, 2}});
  ASSERT_OK(node.Step(2, 2, SnapshotAt(3, 2)));
  EXPECT_EQ(node.status().last, Index{4});
  EXPECT_EQ(node.status().commit, Index{3});
  EXPECT_FALSE(node.raft().TakeOutput().install.has_value());
}

// R22.
TEST(SnapshotTest, ALogThatEndsBeforeTheSnapshotOrContradictsItIsDropped) {
  for (const std::vector<uint64_t>& terms :
       {std::vector<uint64_t>{1, 1}, std::vector<uint64_t>{1, 1, 1, 1, 1, 1, 1}}) {
    Recovered found;
    found.snapshot = {{5}, {2}, VotersUpTo(3), {}};
    found.entries = EntriesOf(terms);
    LoneNode node({.term = 2, .found = found});
    EXPECT_EQ(node.status().first, Index{6});
    EXPECT_EQ(node.status().last, Index{5});
    EXPECT_EQ(node.status().commit, Index{5});
  }
}

TEST(SnapshotTest, ARestartKeepsTheTailBehindTheSnapshot) {
  Recovered found;
  found.snapshot = {{5}, {2}, VotersUpTo(3), {}};
  found.entries = {EntryAt(3, 1), EntryAt(4, 2), EntryAt(5, 2), EntryAt(6, 2)};
  LoneNode node({.term = 2, .found = found});
  EXPECT_EQ(node.status().first, Index{4});
  EXPECT_EQ(node.status().last, Index{6});
  EXPECT_EQ(node.status().applied, Index{5});
}

TEST(SnapshotTest, APeerThatIsNotThereGetsNone) {
  TestCluster cluster = Compacting(3);
  cluster.Elect(1);
  cluster.Crash(3);
  ProposeMany(cluster, 1, 10);
  cluster.Compact(1);
  cluster.Elect(1);  // A new leader has heard nothing of node 3.
  int snapshots = 0;
  cluster.on_send = [&snapshots](const Message& message) {
    if (std::holds_alternative<InstallSnapshot>(message.body)) ++snapshots;
  };
  ProposeMany(cluster, 1, 3);
  cluster.Run(absl::Seconds(1));
  EXPECT_EQ(snapshots, 0);
}

}  // namespace
}  // namespace z4j::consensus
