#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/lone_node.h"

// Changes of membership as the cluster lives through them.
namespace z4j::consensus {
namespace {

using Kind = ConfigStep::Kind;
using absl::StatusCode;
using testing::ElementsAre;
using testing::SizeIs;

ConfigStep Add(uint64_t id, uint64_t incarnation = 0) {
  return {Kind::kAddVoter, {id}, {"node", {incarnation}}};
}
ConfigStep Learn(uint64_t id) { return {Kind::kAddLearner, {id}, {"node", {}}}; }
ConfigStep Remove(uint64_t id) { return {Kind::kRemove, {id}, {}}; }

void Change(TestCluster& cluster, uint64_t leader, std::vector<ConfigStep> steps) {
  ASSERT_OK(cluster.raft(leader).ProposeChange(cluster.now(), {std::move(steps)}));
}

TEST(ChangeTest, ALearnerCatchesUpAndIsPromoted) {
  TestCluster cluster(1);
  cluster.Elect(1);
  cluster.Propose(1, "a");
  cluster.AddNode(2);
  cluster.Start(2);
  Change(cluster, 1, {Learn(2)});
  cluster.Run(absl::Milliseconds(100));
  EXPECT_THAT(cluster.Commands(2), ElementsAre("a"));
  Change(cluster, 1, {Add(2)});
  cluster.Run(absl::Milliseconds(100));
  EXPECT_EQ(cluster.status(2).config, cluster.status(1).config);
  EXPECT_TRUE(cluster.status(2).config.IsVoter(NodeId{2}));
}

// R30: a change begun by an earlier leader may be half done without this one knowing.
TEST(ChangeTest, ALeaderChangesNothingBeforeItsOwnTermCommitted) {
  LoneNode node;
  node.BecomeLeader();
  EXPECT_THAT(node.raft().ProposeChange(node.now(), {{Add(4)}}),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_OK(node.Acknowledge(2, 1));
  EXPECT_OK(node.raft().ProposeChange(node.now(), {{Add(4)}}));
}

TEST(ChangeTest, OneChangeAtATime) {
  LoneNode node;
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 1));
  ASSERT_OK(node.raft().ProposeChange(node.now(), {{Add(4)}}));
  EXPECT_THAT(node.raft().ProposeChange(node.now(), {{Add(5)}}),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST(ChangeTest, AConfigurationDecidesFromItsAppendOn) {
  LoneNode node({.voters = 1});
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  node.Sent();
  ASSERT_EQ(node.status().commit, Index{1});
  ASSERT_OK(node.raft().ProposeChange(node.now(), {{Add(2)}}));
  node.Sent();
  EXPECT_EQ(node.status().commit, Index{1});  // Node 2 is needed already.
  ASSERT_OK(node.Acknowledge(2, 2));
  EXPECT_EQ(node.status().commit, Index{2});
}

// R29.
TEST(ChangeTest, AJointPhaseIsLeftOnceAndBothMajoritiesCommitIt) {
  TestCluster cluster(3);
  for (uint64_t id : {4, 5}) {
    cluster.AddNode(id);
    cluster.Start(id);
  }
  cluster.Elect(1);
  int configs = 0;
  cluster.on_output = [&configs](uint64_t id, const Output& output) {
    if (id != 1 || !output.write.has_value()) return;
    for (const Entry& entry : output.write->entries) {
      if (entry.kind == EntryKind::kConfig) ++configs;
    }
  };
  Change(cluster, 1, {Add(4), Add(5), Remove(2), Remove(3)});
  cluster.Run(absl::Milliseconds(300));
  EXPECT_EQ(configs, 2);
  EXPECT_THAT(cluster.status(1).config.voters, ElementsAre(NodeId{1}, NodeId{4}, NodeId{5}));
  EXPECT_FALSE(cluster.status(1).config.joint());
  EXPECT_EQ(cluster.status(5).config, cluster.status(1).config);
  EXPECT_THAT(cluster.status(1).peers, SizeIs(2));
}

TEST(ChangeTest, AJointPhaseWaitsForTheMajorityOfEither) {
  TestCluster cluster(3);
  for (uint64_t id : {4, 5}) cluster.AddNode(id);
  cluster.Elect(1);
  Change(cluster, 1, {Add(4), Add(5), Remove(2), Remove(3)});
  cluster.Run(kTestTimeout / 2);  // Nodes 4 and 5 are down: the old majority alone.
  EXPECT_TRUE(cluster.status(1).config.joint());
  EXPECT_LT(cluster.status(1).commit, cluster.status(1).last);
}

TEST(ChangeTest, TheNextLeaderLeavesTheJointPhaseThatItFinds) {
  TestCluster cluster(3);
  cluster.AddNode(4);
  cluster.Start(4);
  cluster.Elect(1);
  // The leader goes down as soon as the joint configuration has reached somebody.
  Change(cluster, 1, {Add(4), Remove(3)});
  cluster.Pump(1);
  while (!cluster.network().empty()) {
    Message message = cluster.network().front();
    cluster.network().pop_front();
    if (message.from == NodeId{1}) cluster.Deliver(message);
  }
  cluster.Crash(1);
  cluster.Run(absl::Seconds(2));
  const std::optional<uint64_t> leader = cluster.LeaderId();
  ASSERT_TRUE(leader.has_value());
  EXPECT_FALSE(cluster.status(*leader).config.joint());
  EXPECT_THAT(cluster.status(*leader).config.voters, ElementsAre(NodeId{1}, NodeId{2}, NodeId{4}));
}

// R29: it stays until the others have committed without it.
TEST(ChangeTest, ALeaderThatRemovesItselfCommitsThatFirst) {
  TestCluster cluster(3);
  cluster.Elect(1);
  Change(cluster, 1, {Remove(1)});
  cluster.Settle();
  EXPECT_EQ(cluster.status(1).soft.role, Role::kFollower);
  for (uint64_t id : {2, 3}) {
    EXPECT_THAT(cluster.status(id).config.voters, ElementsAre(NodeId{2}, NodeId{3}));
    EXPECT_EQ(cluster.status(id).commit, cluster.status(id).last);
  }
  cluster.Run(absl::Seconds(2));
  ASSERT_TRUE(cluster.LeaderId().has_value());
  EXPECT_NE(*cluster.LeaderId(), 1);
  EXPECT_EQ(cluster.status(1).soft.role, Role::kFollower);  // It does not even campaign.
}

TEST(ChangeTest, ARemovedNodeLearnsThatItIsOut) {
  TestCluster cluster(3);
  cluster.Elect(1);
  Change(cluster, 1, {Remove(3)});
  cluster.Settle();
  EXPECT_FALSE(cluster.status(3).config.IsMember(NodeId{3}));
  EXPECT_EQ(cluster.status(3).commit, cluster.status(1).commit);
  EXPECT_THAT(cluster.status(1).peers, SizeIs(1));
  cluster.Run(absl::Seconds(1));
  EXPECT_EQ(cluster.status(3).soft.role, Role::kFollower);
}

// Nobody else can be elected, as its log is the longest, and must not shrink.
TEST(ChangeTest, ANodeCampaignsUntilItsRemovalIsCommitted) {
  TestCluster cluster(2);
  cluster.Elect(1);
  cluster.Cut(1, 2);
  Change(cluster, 1, {Remove(1)});
  cluster.Settle();
  cluster.Crash(1);
  cluster.Heal();
  cluster.Start(1);
  cluster.Run(absl::Seconds(3));
  EXPECT_EQ(cluster.LeaderId(), 2);
  EXPECT_THAT(cluster.status(2).config.voters, ElementsAre(NodeId{2}));
}

// R28: the configuration and its index go back with the entry that brought them.
TEST(ChangeTest, ATruncatedConfigurationBringsTheEarlierOneBack) {
  LoneNode node({.term = 2, .log = {1}});
  AppendRequest request;
  request.prev_index = {1};
  request.prev_term = {1};
  request.entries = {ConfigEntryAt(2, 2, VotersUpTo(4)), EntryAt(3, 2)};
  ASSERT_OK(node.Step(2, 2, request));
  EXPECT_EQ(node.status().config, VotersUpTo(4));
  request.entries = {EntryAt(2, 3)};
  ASSERT_OK(node.Step(3, 3, request));
  EXPECT_EQ(node.status().config, VotersUpTo(3));
  request.commit = {2};
  ASSERT_OK(node.Step(3, 3, request));
  EXPECT_EQ(node.raft().MetaAt({2}).config_index, Index{0});
}

// R28.
TEST(ChangeTest, AnOldSnapshotDoesNotBringAnOldConfigurationBack) {
  LoneNode node({.term = 2, .log = {1, 1}});
  AppendRequest request;
  request.prev_index = {2};
  request.prev_term = {1};
  request.entries = {ConfigEntryAt(3, 2, VotersUpTo(4))};
  request.commit = {3};
  ASSERT_OK(node.Step(2, 2, request));
  node.Sent();
  ASSERT_OK(node.Step(2, 2, InstallSnapshot{{{2}, {1}, VotersUpTo(3), {}}, 9}));
  EXPECT_EQ(node.status().config, VotersUpTo(4));
  const std::vector<AppendReply> replies = node.SentOf<AppendReply>();
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_EQ(replies[0].match, Index{3});
}

// R28: a joint configuration survives snapshot and restart.
TEST(ChangeTest, ARestartFindsTheJointConfigurationInTheSnapshot) {
  Config joint = VotersUpTo(4);
  joint.outgoing = {NodeId{1}, NodeId{2}, NodeId{3}};
  joint.auto_leave = true;
  Recovered found;
  found.snapshot = {{5}, {2}, joint, {4}};
  found.entries = {EntryAt(6, 2), ConfigEntryAt(7, 2, VotersUpTo(4)), EntryAt(8, 2)};
  LoneNode node({.term = 2, .commit = 6, .found = found});
  EXPECT_EQ(node.status().config, VotersUpTo(4));
  EXPECT_EQ(node.raft().MetaAt({6}).config, joint);
  EXPECT_EQ(node.raft().MetaAt({6}).config_index, Index{4});
}

// R26.
TEST(ChangeTest, TheLeaderLearnsIncarnationsAndThenAWipedNodeCountsForNothing) {
  TestCluster cluster(3, [](RaftOptions& options) {
    if (options.incarnation.value == 0) options.incarnation = {options.id.value * 10};
  });
  cluster.Elect(1);
  cluster.Run(absl::Milliseconds(100));
  const Config learned = cluster.status(3).config;
  for (uint64_t id : cluster.ids()) {
    EXPECT_EQ(learned.members.at(NodeId{id}).incarnation, Incarnation{id * 10});
  }
  // Node 3 comes back with an empty directory, node 2 does not: no majority may form.
  cluster.Crash(3);
  cluster.Crash(2);
  cluster.AddNode(3, {31}).disk.snapshot.config = VotersUpTo(3);
  cluster.Start(3);
  const Index commit = cluster.status(1).commit;
  (void)cluster.raft(1).Propose(cluster.now(), {MakePayload("a")});
  cluster.Run(absl::Seconds(2));
  EXPECT_EQ(cluster.status(1).commit, commit);
  EXPECT_FALSE(cluster.LeaderId().has_value());
  // With node 2 back, it is replaced properly.
  cluster.Start(2);
  cluster.Run(absl::Seconds(2));
  ASSERT_TRUE(cluster.LeaderId().has_value());
  Change(cluster, *cluster.LeaderId(), {Remove(3)});
  cluster.Run(absl::Milliseconds(100));
  Change(cluster, *cluster.LeaderId(), {Add(3, 31)});
  cluster.Run(absl::Milliseconds(200));
  cluster.Crash(*cluster.LeaderId());
  cluster.Run(absl::Seconds(2));
  EXPECT_TRUE(cluster.LeaderId().has_value());
}

TEST(ChangeTest, ANodeThatIsNotTheOneInTheConfigurationNeitherVotesNorCampaigns) {
  Config config = VotersUpTo(3);
  config.members[NodeId{1}].incarnation = {7};
  Recovered found;
  found.snapshot.config = config;
  LoneNode node({.found = found, .incarnation = {8}});
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
  ASSERT_OK(node.Step(2, 2, VoteRequest{}));
  const std::vector<VoteReply> replies = node.SentOf<VoteReply>();
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_FALSE(replies[0].granted);
}

// R30: a node of another cluster is no member, whatever its number.
TEST(ChangeTest, TwoNodesThatJoinTogetherBothArrive) {
  TestCluster cluster(3);
  for (uint64_t id : {4, 5}) {
    cluster.AddNode(id);
    cluster.Start(id);
  }
  cluster.Elect(1);
  Change(cluster, 1, {Add(4)});
  EXPECT_THAT(cluster.raft(1).ProposeChange(cluster.now(), {{Add(5)}}),
              StatusIs(StatusCode::kFailedPrecondition));
  cluster.Run(absl::Milliseconds(100));
  Change(cluster, 1, {Add(5)});
  cluster.Run(absl::Milliseconds(100));
  EXPECT_EQ(cluster.status(5).config.voters, VotersUpTo(5).voters);
}

}  // namespace
}  // namespace z4j::consensus
