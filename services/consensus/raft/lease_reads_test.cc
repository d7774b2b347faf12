#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const absl::Duration kLease = kTestTimeout * 85 / 100;

bool HasLease(LoneNode& node) { return node.raft().LeaseUntil() > node.now(); }

// Leader of three; nodes 2 and 3 have acknowledged its no-op.
void LeadWithLease(LoneNode& node) {
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 1));
  ASSERT_OK(node.Acknowledge(3, 1));
  node.Sent();
}

// R17: the follower's promise began when the message arrived, and the message left before that.
TEST(LeaseTest, CountsFromTheSendInstantThatAQuorumAnswered) {
  LoneNode node;
  LeadWithLease(node);
  node.Tick(absl::Milliseconds(30));
  node.Sent();
  const MonoTime sent = node.now();
  node.Tick(absl::Milliseconds(20));
  ASSERT_OK(node.Acknowledge(3, 1));  // Of three, itself and one other are a quorum.
  EXPECT_EQ(node.raft().LeaseUntil(), sent + kLease);
  node.Advance(kLease);
  EXPECT_FALSE(HasLease(node));  // Nobody had to tell it.
}

TEST(LeaseTest, OfFiveTheSecondAnswerDecides) {
  LoneNode node({.voters = 5});
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  for (uint64_t id : {2, 3}) ASSERT_OK(node.Step(id, 2, VoteReply{true, true}));
  node.Sent();
  for (uint64_t id : {2, 3}) ASSERT_OK(node.Step(id, 2, VoteReply{false, true}));
  node.Sent();
  for (uint64_t id : {2, 3}) ASSERT_OK(node.Acknowledge(id, 1));
  node.Sent();
  const MonoTime first = node.now();
  node.Tick(absl::Milliseconds(40));
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 1));
  EXPECT_EQ(node.raft().LeaseUntil(), first + kLease);
  ASSERT_OK(node.Acknowledge(4, 0));
  EXPECT_EQ(node.raft().LeaseUntil(), node.now() + kLease);
}

TEST(LeaseTest, ThereIsNoneBeforeTheOwnTermHasCommitted) {
  LoneNode node({.term = 3, .log = {1, 3}});
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 2));
  EXPECT_FALSE(HasLease(node));
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 3));
  EXPECT_TRUE(HasLease(node));
}

TEST(LeaseTest, ASlowDiskRenewsNone) {
  LoneNode node;
  LeadWithLease(node);
  const MonoTime until = node.raft().LeaseUntil();
  node.raft().DiskStalled(node.now(), true);
  node.Tick(kTestTimeout / 2);
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 1));
  node.Tick(kTestTimeout / 2);  // The offer to hand over was not taken up.
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 1));
  EXPECT_LE(node.raft().LeaseUntil(), until);
}

TEST(LeaseTest, ALeaderOutsideTheConfigurationHasNone) {
  LoneNode node;
  LeadWithLease(node);
  ASSERT_OK(node.raft().ProposeChange(node.now(), {{{ConfigStep::Kind::kRemove, NodeId{1}, {}}}}));
  EXPECT_FALSE(HasLease(node));
}

// R17: not by a timer of its own, but whenever anything is looked at.
TEST(LeaseTest, ALeaderWithoutAQuorumStepsDownBeforeALateAnswerCounts) {
  LoneNode node;
  LeadWithLease(node);
  node.Advance(kTestTimeout);
  ASSERT_OK(node.Acknowledge(2, 1));
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
  LoneNode ticked;
  LeadWithLease(ticked);
  EXPECT_LE(ticked.raft().NextTick() - ticked.now(), kTestTimeout);
  ticked.Tick(kTestTimeout);
  EXPECT_EQ(ticked.status().soft.role, Role::kFollower);
}

TEST(LeaseTest, ALearnersAnswersHoldNothingUp) {
  Config config = VotersUpTo(4);
  config.voters.erase(NodeId{4});
  config.learners.insert(NodeId{4});
  Recovered found;
  found.snapshot.config = config;
  LoneNode node({.found = found});
  LeadWithLease(node);
  for (int i = 0; i < 4; ++i) {
    node.Tick(absl::Milliseconds(40));
    node.Sent();
    ASSERT_OK(node.Acknowledge(4, 1));
  }
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
}

// R19.
TEST(ReadTest, WaitsForTheFirstCommitOfTheOwnTerm) {
  LoneNode node({.term = 3, .log = {1, 3}});
  node.BecomeLeader();
  node.raft().Read(node.now(), 7);
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 2));
  node.Sent();
  EXPECT_THAT(node.reads, IsEmpty());
  ASSERT_OK(node.Acknowledge(2, 3));
  node.Sent();  // Now a round begins.
  EXPECT_THAT(node.reads, IsEmpty());
  ASSERT_OK(node.Acknowledge(2, 3));
  node.Sent();
  ASSERT_THAT(node.reads, SizeIs(1));
  EXPECT_EQ(node.reads[0].context, 7);
  EXPECT_EQ(node.reads[0].index, Index{3});
}

// R19: neither an answer to an older message nor a repeated one confirms a newer read.
TEST(ReadTest, AnOldAnswerConfirmsNothingNew) {
  LoneNode node;
  LeadWithLease(node);
  node.raft().Read(node.now(), 1);
  node.Sent();
  const AppendRequest first = node.newest_append[NodeId{2}];
  ASSERT_OK(node.Acknowledge(2, 1));
  node.Sent();
  ASSERT_THAT(node.reads, SizeIs(1));
  node.raft().Read(node.now(), 2);
  node.Sent();
  AppendReply repeated;
  repeated.match = {1};
  repeated.send_id = first.send_id;
  repeated.read_context = first.read_context;
  ASSERT_OK(node.Step(2, 2, repeated));
  ASSERT_OK(node.Step(3, 2, repeated));
  node.Sent();
  EXPECT_THAT(node.reads, SizeIs(1));
  ASSERT_OK(node.Acknowledge(3, 1));
  node.Sent();
  EXPECT_THAT(node.reads, SizeIs(2));
}

// R19: a round leaves at once and needs no tick; reads of one turn share it.
TEST(ReadTest, ReadsOfOneTurnShareARoundThatLeavesAtOnce) {
  LoneNode node;
  LeadWithLease(node);
  node.raft().Read(node.now(), 1);
  node.raft().Read(node.now(), 2);
  EXPECT_THAT(node.SentOf<AppendRequest>(), SizeIs(2));  // One to each peer.
  ASSERT_OK(node.Acknowledge(2, 1));
  node.Sent();
  EXPECT_THAT(node.reads, SizeIs(2));
}

TEST(ReadTest, AnAnswerToWhatWasNeverAskedIsDropped) {
  LoneNode node;
  LeadWithLease(node);
  AppendReply forged;
  forged.read_context = 99;
  EXPECT_THAT(node.Step(2, 2, forged), StatusIs(absl::StatusCode::kInvalidArgument));
  forged = {};
  forged.match = {99};
  EXPECT_THAT(node.Step(2, 2, forged), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReadTest, AFollowerReadsThroughTheLeader) {
  TestCluster cluster(3);
  cluster.Elect(1);
  const Index written = cluster.Propose(1, "a");
  cluster.Settle();
  cluster.Run(absl::Milliseconds(40));
  const uint64_t context = cluster.Read(2);
  cluster.Settle();
  ASSERT_THAT(cluster.node(2).reads, SizeIs(1));
  EXPECT_EQ(cluster.node(2).reads[0].context, context);
  EXPECT_GE(cluster.node(2).reads[0].index, written);
}

TEST(ReadTest, AReadThatGoesDownWithTheLeadershipIsAnsweredSo) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Isolate(1);
  cluster.Read(1);
  cluster.Run(absl::Milliseconds(400));
  ASSERT_THAT(cluster.node(1).reads, SizeIs(1));
  EXPECT_FALSE(cluster.node(1).reads[0].index.has_value());
  cluster.Read(1);  // Nobody to ask.
  cluster.Settle();
  ASSERT_THAT(cluster.node(1).reads, SizeIs(2));
  EXPECT_FALSE(cluster.node(1).reads[1].index.has_value());
}

TEST(ReadTest, AQuestionThatIsLostIsAnsweredAfterAnElectionTimeout) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Cut(2, 1);
  cluster.Read(2);
  cluster.Run(kTestTimeout - absl::Milliseconds(10));
  EXPECT_THAT(cluster.node(2).reads, IsEmpty());
  cluster.Run(absl::Milliseconds(20));
  ASSERT_THAT(cluster.node(2).reads, SizeIs(1));
  EXPECT_FALSE(cluster.node(2).reads[0].index.has_value());
}

TEST(ReadTest, AnAnswerFromBeforeARestartIsNotTakenForANewQuestions) {
  std::set<uint64_t> numbers;
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.on_send = [&](const Message& message) {
    if (const auto* read = std::get_if<ReadRequest>(&message.body)) numbers.insert(read->context);
  };
  for (int start = 0; start < 5; ++start) {
    cluster.Crash(2);
    cluster.Start(2);
    cluster.Run(absl::Milliseconds(40));
    cluster.Read(2);
    cluster.Settle();
  }
  EXPECT_THAT(numbers, SizeIs(5));
}

}  // namespace
}  // namespace z4j::consensus
