#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr VoteRequest PreVote(uint64_t index, uint64_t term) {
  return {/*pre=*/true, {index}, {term}, /*transfer=*/false};
}
constexpr VoteRequest Vote(uint64_t index, uint64_t term) {
  return {/*pre=*/false, {index}, {term}, /*transfer=*/false};
}
AppendRequest Heartbeat() { return {}; }

// The answer to one vote request; none if the node kept silent.
std::optional<VoteReply> Ask(LoneNode& node, uint64_t from, uint64_t term, VoteRequest request) {
  EXPECT_OK(node.Step(from, term, request));
  const std::vector<VoteReply> replies = node.SentOf<VoteReply>();
  return replies.empty() ? std::nullopt : std::optional(replies.back());
}

TEST(ElectionTest, TimeoutsAreDrawnBetweenOneAndTwoAndAnewEachTime) {
  LoneNode node;
  std::set<absl::Duration> drawn;
  for (int i = 0; i < 100; ++i) {
    const absl::Duration timeout = node.raft().NextTick() - node.now();
    EXPECT_GE(timeout, kTestTimeout);
    EXPECT_LT(timeout, 2 * kTestTimeout);
    drawn.insert(timeout);
    node.Tick(timeout);  // Nobody answers: another pre-vote.
    EXPECT_EQ(node.status().soft.role, Role::kPreCandidate);
    EXPECT_EQ(node.status().soft.term, Term{1});  // No term rises for want of a majority.
  }
  EXPECT_GT(drawn.size(), 90);
}

TEST(ElectionTest, ElectionsThatNobodyWinsAreGivenMoreTimeUntilSomebodyLeads) {
  LoneNode node;
  node.OutliveWithholding();
  uint64_t term = 1;
  absl::Duration longest;
  for (int lost = 1; lost <= kElectionsAtOnce + 20; ++lost) {
    node.Tick(node.raft().NextTick() - node.now());
    ASSERT_OK(node.Step(2, ++term, VoteReply{/*pre=*/true, /*granted=*/true}));
    node.Sent();
    ASSERT_EQ(node.status().soft.role, Role::kCandidate);
    ASSERT_EQ(node.status().soft.term, Term{term});
    const absl::Duration wait = node.raft().NextTick() - node.now();
    EXPECT_GE(wait, kTestTimeout);
    if (lost <= kElectionsAtOnce) {
      EXPECT_LT(wait, 2 * kTestTimeout);
    }
    EXPECT_LE(wait, kElectionBackOffMax);
    longest = std::max(longest, wait);
  }
  EXPECT_EQ(longest, kElectionBackOffMax);
  ASSERT_OK(node.Step(2, term, Heartbeat()));
  EXPECT_LT(node.raft().NextTick() - node.now(), 2 * kTestTimeout);
}

// R9: a member that lags must not depose a leader just because it hears none.
TEST(ElectionTest, APreVoteIsGrantedOnlyToALogThatIsAsNew) {
  LoneNode node({.term = 3, .log = {1, 2, 3}});
  node.OutliveWithholding();
  EXPECT_FALSE(Ask(node, 2, 4, PreVote(9, 2))->granted);
  EXPECT_FALSE(Ask(node, 2, 4, PreVote(2, 3))->granted);
  EXPECT_TRUE(Ask(node, 2, 4, PreVote(3, 3))->granted);
  EXPECT_EQ(node.status().soft.term, Term{3});  // Whatever the answer, nothing changed.
}

TEST(ElectionTest, AVoteIsGrantedOnlyToALogThatIsAsNew) {
  LoneNode node({.term = 3, .log = {1, 2, 3}});
  node.OutliveWithholding();
  EXPECT_FALSE(Ask(node, 2, 4, Vote(9, 2))->granted);
  // R15: a candidate that was seen and refused has no vote; the next one may have it.
  EXPECT_EQ(node.writes.back().hard_state->vote, NodeId{});
  EXPECT_TRUE(Ask(node, 3, 4, Vote(3, 3))->granted);
  EXPECT_EQ(node.writes.back().hard_state->vote, NodeId{3});
}

// R10.
TEST(ElectionTest, AnAnswerToAPreVoteIsNoVote) {
  LoneNode node;
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  ASSERT_OK(node.Step(2, 2, VoteReply{/*pre=*/true, /*granted=*/true}));
  node.Sent();
  ASSERT_EQ(node.status().soft.role, Role::kCandidate);
  ASSERT_OK(node.Step(3, 2, VoteReply{/*pre=*/true, /*granted=*/true}));
  EXPECT_EQ(node.status().soft.role, Role::kCandidate);
  ASSERT_OK(node.Step(3, 2, VoteReply{/*pre=*/false, /*granted=*/true}));
  EXPECT_EQ(node.status().soft.role, Role::kLeader);
}

// R11.
TEST(ElectionTest, AVoteGivesItsCandidateTimeAndAPreVoteDoesNot) {
  LoneNode node;
  node.OutliveWithholding();
  const MonoTime due = node.raft().NextTick();
  ASSERT_TRUE(Ask(node, 2, 2, PreVote(0, 0))->granted);
  EXPECT_EQ(node.raft().NextTick(), due);
  ASSERT_TRUE(Ask(node, 2, 2, Vote(0, 0))->granted);
  EXPECT_GE(node.raft().NextTick(), node.now() + kTestTimeout);
}

// R11: its answer may have been lost.
TEST(ElectionTest, TheSameCandidateGetsItsVoteAgainAndNobodyElse) {
  LoneNode node;
  node.OutliveWithholding();
  EXPECT_TRUE(Ask(node, 2, 2, Vote(0, 0))->granted);
  EXPECT_TRUE(Ask(node, 2, 2, Vote(0, 0))->granted);
  EXPECT_FALSE(Ask(node, 3, 2, Vote(0, 0))->granted);
}

// R16: … nor after a restart, as the vote was on the disk before it left.
TEST(ElectionTest, AVoteIsRememberedAcrossARestart) {
  LoneNode node({.term = 2, .vote = {2}});
  node.OutliveWithholding();
  EXPECT_FALSE(Ask(node, 3, 2, Vote(0, 0))->granted);
  EXPECT_TRUE(Ask(node, 2, 2, Vote(0, 0))->granted);
}

TEST(ElectionTest, AVoteLeavesWhenTheDiskHasIt) {
  LoneNode node;
  node.slow_disk = true;
  node.OutliveWithholding();
  EXPECT_FALSE(Ask(node, 2, 2, Vote(0, 0)).has_value());
  node.Persist();
  EXPECT_THAT(node.SentOf<VoteReply>(), SizeIs(1));
}

TEST(ElectionTest, ACandidateAsksAndCountsItselfWhenItsDiskHasItsVote) {
  LoneNode node;
  node.slow_disk = true;
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  EXPECT_THAT(node.SentOf<VoteRequest>(), SizeIs(2));  // Pre-votes promise nothing.
  ASSERT_OK(node.Step(2, 2, VoteReply{true, true}));
  EXPECT_THAT(node.SentOf<VoteRequest>(), IsEmpty());
  ASSERT_OK(node.Step(2, 2, VoteReply{false, true}));
  EXPECT_EQ(node.status().soft.role, Role::kCandidate);  // One vote; its own is not there yet.
  node.Persist();
  EXPECT_EQ(node.status().soft.role, Role::kLeader);
}

TEST(ElectionTest, WhoHeardALeaderKeepsItsVoteBack) {
  LoneNode node;
  node.OutliveWithholding();
  ASSERT_OK(node.Step(2, 1, Heartbeat()));
  node.Sent();
  node.Advance(kTestTimeout - absl::Milliseconds(1));
  EXPECT_FALSE(Ask(node, 3, 9, PreVote(9, 9)).has_value());
  EXPECT_FALSE(Ask(node, 3, 9, Vote(9, 9)).has_value());
  EXPECT_EQ(node.status().soft.term, Term{1});  // Not even the term is taken.
  node.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(Ask(node, 3, 9, Vote(9, 9))->granted);
}

TEST(ElectionTest, ARestartedNodeKeepsItsVoteBackAsItMayHavePromised) {
  LoneNode node;
  node.Advance(kTestTimeout - absl::Milliseconds(1));
  EXPECT_FALSE(Ask(node, 3, 9, Vote(9, 9)).has_value());
  node.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(Ask(node, 3, 9, Vote(9, 9))->granted);
}

TEST(ElectionTest, AnElectionThatTheLeaderWantsWaitsForNobody) {
  LoneNode node;
  ASSERT_OK(node.Step(2, 1, Heartbeat()));
  node.Sent();
  EXPECT_TRUE(Ask(node, 3, 2, {false, {0}, {0}, /*transfer=*/true})->granted);
}

// R8: one has the higher term, the other the longer log.
TEST(ElectionTest, AHigherTermWithAShorterLogBlocksNobody) {
  TestCluster cluster(3);
  cluster.Crash(1);
  cluster.Crash(2);
  cluster.Crash(3);
  cluster.node(1).disk.hard_state.term = {5};
  cluster.node(1).disk.entries = EntriesOf({1, 2, 2, 5});
  cluster.node(3).disk.hard_state.term = {9};
  cluster.node(3).disk.entries = EntriesOf({1});
  cluster.Start(1);
  cluster.Start(3);
  cluster.Run(absl::Seconds(3));
  EXPECT_EQ(cluster.LeaderId(), 1);
  EXPECT_EQ(cluster.status(3).commit, cluster.status(1).commit);
}

// R12: three of four must agree although one comes back with a term of its own and an old log.
TEST(ElectionTest, ADisruptiveNodeThatComesBackDoesNotPreventElections) {
  TestCluster cluster(4);
  cluster.Elect(1);
  cluster.Propose(1, "a");
  cluster.Settle();
  cluster.Crash(4);
  cluster.node(4).disk.hard_state = {{50}, {}, {}};
  cluster.node(4).disk.entries.clear();
  cluster.Crash(1);
  cluster.Start(4);
  cluster.Run(absl::Seconds(3));
  const std::optional<uint64_t> leader = cluster.LeaderId();
  ASSERT_TRUE(leader.has_value());
  EXPECT_NE(*leader, 4);
  EXPECT_GT(cluster.status(*leader).soft.term, Term{50});
}

TEST(ElectionTest, ANodeThatWasCutOffComesBackWithoutDisturbing) {
  TestCluster cluster(3);
  cluster.Elect(1);
  const Term term = cluster.status(1).soft.term;
  cluster.Isolate(3);
  cluster.Run(absl::Seconds(5));
  cluster.Heal();
  cluster.Run(absl::Seconds(1));
  EXPECT_EQ(cluster.LeaderId(), 1);
  EXPECT_EQ(cluster.status(3).soft.term, term);
}

// R13.
TEST(ElectionTest, ALearnerNeverCampaignsAndYetAnswers) {
  Config config = VotersUpTo(3);
  config.voters.erase(NodeId{1});
  config.learners.insert(NodeId{1});
  Recovered found;
  found.snapshot.config = config;
  LoneNode node({.found = found});
  for (int i = 0; i < 20; ++i) node.Tick(kTestTimeout);
  node.raft().Campaign(node.now());
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
  // It may have been promoted without knowing: others must be able to win with its vote.
  EXPECT_TRUE(Ask(node, 2, 2, Vote(0, 0))->granted);
  // Nor does it follow the leader's wish to hand over.
  ASSERT_OK(node.Step(2, 2, Heartbeat()));
  ASSERT_OK(node.Step(2, 2, TimeoutNow{}));
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
}

// R29: while joint, who votes in the old majority alone may lead and must be asked.
TEST(ElectionTest, AnOutgoingVoterMayCampaignAndBothMajoritiesDecide) {
  Config config = VotersUpTo(5);
  config.outgoing = {NodeId{1}, NodeId{2}, NodeId{3}};
  config.voters = {NodeId{3}, NodeId{4}, NodeId{5}};
  Recovered found;
  found.snapshot.config = config;
  LoneNode node({.found = found});
  node.Advance(2 * kTestTimeout);
  node.raft().Campaign(node.now());
  EXPECT_THAT(node.SentOf<VoteRequest>(), SizeIs(4));
  ASSERT_OK(node.Step(2, 2, VoteReply{true, true}));
  EXPECT_EQ(node.status().soft.role, Role::kPreCandidate);  // The old majority alone.
  ASSERT_OK(node.Step(4, 2, VoteReply{true, true}));
  ASSERT_OK(node.Step(5, 2, VoteReply{true, true}));
  EXPECT_EQ(node.status().soft.role, Role::kCandidate);
}

TEST(ElectionTest, ADeposedLeaderLearnsTheNewTermFromWhomItSpeaksTo) {
  LoneNode node({.term = 7});
  ASSERT_OK(node.Step(2, 5, Heartbeat()));
  const std::vector<Message> sent = node.Sent();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].term, Term{7});
  EXPECT_TRUE(std::get<AppendReply>(sent[0].body).rejected);
}

// R16: it is safer to stop than to follow both.
TEST(ElectionTest, TwoLeadersInOneTermEndTheProcess) {
  LoneNode node;
  ASSERT_OK(node.Step(2, 1, Heartbeat()));
  EXPECT_DEATH((void)node.Step(3, 1, Heartbeat()), "check failed");
}

TEST(ElectionTest, ADamagedNodeNeitherVotesNorCampaignsNorAcknowledges) {
  Recovered found;
  found.damaged = true;
  LoneNode node({.found = found});
  for (int i = 0; i < 20; ++i) node.Tick(kTestTimeout);
  node.raft().Campaign(node.now());
  EXPECT_EQ(node.status().soft.role, Role::kFollower);
  ASSERT_OK(node.Step(2, 2, PreVote(9, 9)));
  ASSERT_OK(node.Step(2, 2, Vote(9, 9)));
  AppendRequest append;
  append.entries = EntriesOf({2});
  ASSERT_OK(node.Step(2, 2, append));
  ASSERT_OK(node.Step(2, 2, TimeoutNow{}));
  EXPECT_THAT(node.Sent(), IsEmpty());
  EXPECT_THAT(node.writes, IsEmpty());  // The rotten log stays as it is, for whoever looks at it.
  EXPECT_EQ(node.status().soft.leader, NodeId{2});
}

TEST(ElectionTest, MessagesOfOtherClustersAndForOthersAreDropped) {
  LoneNode node;
  node.OutliveWithholding();
  const Message vote{{77}, {2}, {}, {1}, {2}, Vote(0, 0)};
  Message other_cluster = vote;
  other_cluster.cluster = {78};
  Message for_another = vote;
  for_another.to = {3};
  Message from_itself = vote;
  from_itself.from = {1};
  for (const Message& message : {other_cluster, for_another, from_itself}) {
    EXPECT_THAT(node.raft().Step(node.now(), message),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  EXPECT_THAT(node.Sent(), IsEmpty());
}

}  // namespace
}  // namespace z4j::consensus
