#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

bool HasLease(TestCluster& cluster, uint64_t id) {
  return cluster.raft(id).LeaseUntil() > cluster.now();
}

TEST(TransferTest, HandsOverAtOnceAndTheOldLeaderFollows) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Propose(1, "a");
  ASSERT_OK(cluster.raft(1).TransferTo(cluster.now(), {2}));
  cluster.Settle();  // No time passes.
  EXPECT_EQ(cluster.LeaderId(), 2);
  EXPECT_EQ(cluster.status(1).soft.leader, NodeId{2});
  // R37: it does not come back by itself.
  cluster.Run(absl::Seconds(2));
  EXPECT_EQ(cluster.LeaderId(), 2);
  EXPECT_THAT(cluster.Commands(3), ElementsAre("a"));
}

TEST(TransferTest, ChoosesTheMostAdvancedVoterIfNoneIsNamed) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Run(absl::Milliseconds(40));
  cluster.Cut(1, 2);
  cluster.Propose(1, "a");
  cluster.Settle();
  ASSERT_OK(cluster.raft(1).TransferTo(cluster.now(), {}));
  EXPECT_EQ(cluster.status(1).transferring_to, NodeId{3});
}

TEST(TransferTest, WaitsUntilTheTargetHasEverything) {
  LoneNode node;
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 1));
  node.Sent();
  ASSERT_OK(node.raft().Propose(node.now(), {MakePayload("a")}));
  ASSERT_OK(node.raft().TransferTo(node.now(), {2}));
  EXPECT_THAT(node.SentOf<TimeoutNow>(), IsEmpty());
  EXPECT_THAT(node.raft().Propose(node.now(), {MakePayload("b")}),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_OK(node.Acknowledge(2, 2));
  EXPECT_THAT(node.SentOf<TimeoutNow>(), SizeIs(1));
}

TEST(TransferTest, IsGivenUpAfterAnElectionTimeoutAndProposalsAreTakenAgain) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Cut(1, 2);
  cluster.Propose(1, "a");
  ASSERT_OK(cluster.raft(1).TransferTo(cluster.now(), {2}));
  EXPECT_FALSE(HasLease(cluster, 1));
  EXPECT_THAT(cluster.raft(1).TransferTo(cluster.now(), {3}),
              StatusIs(StatusCode::kFailedPrecondition));
  cluster.Run(kTestTimeout);
  EXPECT_EQ(cluster.status(1).transferring_to, NodeId{});
  cluster.Propose(1, "b");
  cluster.Settle();
  EXPECT_THAT(cluster.Commands(3), ElementsAre("a", "b"));
  EXPECT_TRUE(HasLease(cluster, 1));  // TimeoutNow never left, so nobody can act on it.
}

// A TimeoutNow that is merely late could elect its target under a lease that was won again.
TEST(TransferTest, AfterTimeoutNowHasLeftThereIsNoLeaseInThisTerm) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Filter(
      [](const Message& message) { return !std::holds_alternative<TimeoutNow>(message.body); });
  ASSERT_OK(cluster.raft(1).TransferTo(cluster.now(), {2}));
  cluster.Run(2 * kTestTimeout);
  EXPECT_EQ(cluster.LeaderId(), 1);
  EXPECT_FALSE(HasLease(cluster, 1));
  cluster.Propose(1, "served nevertheless");
  cluster.Settle();
  EXPECT_THAT(cluster.Commands(3), SizeIs(1));
  cluster.Elect(1);  // In a new term it may claim one again.
  EXPECT_TRUE(HasLease(cluster, 1));
}

TEST(TransferTest, WhoeverCanHaveNoLeaseInItsTermCampaignsForANewOne) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Filter(
      [](const Message& message) { return !std::holds_alternative<TimeoutNow>(message.body); });
  ASSERT_OK(cluster.raft(1).TransferTo(cluster.now(), {2}));
  cluster.raft(1).Campaign(cluster.now());
  EXPECT_EQ(cluster.LeaderId(), 1);  // The hand-over is still under way.
  cluster.Run(2 * kTestTimeout);
  cluster.raft(1).Campaign(cluster.now());
  EXPECT_EQ(cluster.status(1).soft.role, Role::kPreCandidate);
  cluster.Run(4 * kTestTimeout);
  ASSERT_TRUE(cluster.LeaderId().has_value());
  EXPECT_TRUE(HasLease(cluster, *cluster.LeaderId()));
}

TEST(TransferTest, ALostTimeoutNowIsRepeated) {
  TestCluster cluster(3);
  cluster.Elect(1);
  int left = 0;
  cluster.Filter([&left](const Message& message) {
    return !std::holds_alternative<TimeoutNow>(message.body) || ++left > 1;
  });
  ASSERT_OK(cluster.raft(1).TransferTo(cluster.now(), {2}));
  cluster.Run(absl::Milliseconds(60));
  EXPECT_EQ(cluster.LeaderId(), 2);
}

TEST(TransferTest, RefusesTargetsThatCannotLead) {
  TestCluster cluster(3);
  EXPECT_THAT(cluster.raft(1).TransferTo(cluster.now(), {2}),
              StatusIs(StatusCode::kFailedPrecondition));
  cluster.Elect(1);
  EXPECT_THAT(cluster.raft(1).TransferTo(cluster.now(), {9}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(cluster.raft(1).TransferTo(cluster.now(), {1}),
              StatusIs(StatusCode::kInvalidArgument));
}

// R18: a leader that cannot write must not stay one for as long as it can speak.
TEST(TransferTest, ALeaderWhoseDiskStallsHandsOver) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Run(absl::Milliseconds(40));
  cluster.node(1).slow_disk = true;
  cluster.raft(1).DiskStalled(cluster.now(), true);
  cluster.Run(absl::Milliseconds(50));
  ASSERT_TRUE(cluster.LeaderId().has_value());
  EXPECT_NE(*cluster.LeaderId(), 1);
}

TEST(TransferTest, ALeaderWhoseDiskStallsKeepsItIfTheOthersAreNoQuorum) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Crash(3);
  cluster.Run(2 * kTestTimeout);
  cluster.raft(1).DiskStalled(cluster.now(), true);
  EXPECT_EQ(cluster.status(1).transferring_to, NodeId{}) << "node 2 would wait for the same disk";
  cluster.Start(3);
  cluster.Run(2 * kTestTimeout);
  ASSERT_TRUE(cluster.LeaderId().has_value());
  EXPECT_NE(*cluster.LeaderId(), 1);
}

}  // namespace
}  // namespace z4j::consensus
