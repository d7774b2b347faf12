#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

AppendRequest After(uint64_t index, uint64_t term, std::vector<Entry> entries = {},
                    uint64_t commit = 0) {
  AppendRequest request;
  request.prev_index = {index};
  request.prev_term = {term};
  request.entries = std::move(entries);
  request.commit = {commit};
  return request;
}

AppendReply AnswerTo(LoneNode& node, uint64_t term, AppendRequest request) {
  EXPECT_OK(node.Step(2, term, std::move(request)));
  const std::vector<AppendReply> replies = node.SentOf<AppendReply>();
  return replies.empty() ? AppendReply() : replies.back();
}

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

// R24.
TEST(ReplicationTest, ASingleNodeCommitsWhenItsDiskHasIt) {
  TestCluster cluster(1);
  cluster.Elect(1);
  cluster.node(1).slow_disk = true;
  cluster.Propose(1, "a");
  cluster.Settle();
  EXPECT_THAT(cluster.Commands(1), IsEmpty());
  cluster.Persist(1);
  cluster.Settle();
  EXPECT_THAT(cluster.Commands(1), ElementsAre("a"));
}

TEST(ReplicationTest, ProposalsOfOneTurnLeaveInOneMessageBeforeTheLeadersOwnDiskHasThem) {
  LoneNode node;
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 1));
  node.Sent();
  node.slow_disk = true;
  ASSERT_OK(node.raft().Propose(node.now(), {MakePayload("a"), MakePayload("b")}));
  ASSERT_OK(node.raft().Propose(node.now(), {MakePayload("c")}));
  const std::vector<AppendRequest> sent = node.SentOf<AppendRequest>();
  ASSERT_THAT(sent, SizeIs(1));  // Node 3 has not answered its probe yet.
  EXPECT_THAT(sent[0].entries, SizeIs(3));
}

TEST(ReplicationTest, TheLeaderCountsItselfOnlyWhenItsDiskHasTheEntry) {
  LoneNode node;
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 1));
  node.Sent();
  node.slow_disk = true;
  ASSERT_OK(node.raft().Propose(node.now(), {MakePayload("a")}));
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 2));
  EXPECT_EQ(node.status().commit, Index{1});
  node.Persist();
  EXPECT_EQ(node.status().commit, Index{2});
}

TEST(ReplicationTest, TwoFollowersCommitWithoutTheLeadersDiskButItAppliesOnlyWhatItHas) {
  LoneNode node;
  node.BecomeLeader();
  ASSERT_OK(node.Acknowledge(2, 1));
  ASSERT_OK(node.Acknowledge(3, 1));
  node.Sent();
  node.slow_disk = true;
  ASSERT_OK(node.raft().Propose(node.now(), {MakePayload("a")}));
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 2));
  ASSERT_OK(node.Acknowledge(3, 2));
  node.Sent();
  EXPECT_EQ(node.status().commit, Index{2});
  EXPECT_EQ(node.committed.back().index, Index{1});
  node.Persist();
  node.Sent();
  EXPECT_EQ(node.committed.back().index, Index{2});
}

// Figure 8 of the paper.
TEST(ReplicationTest, AnEntryOfAnOldTermCommitsOnlyTogetherWithOneOfThisTerm) {
  LoneNode node({.term = 3, .log = {1, 2}});
  node.BecomeLeader();  // Term 4; its no-op is entry 3.
  ASSERT_OK(node.Acknowledge(2, 2));
  EXPECT_EQ(node.status().commit, Index{0});
  node.Sent();
  ASSERT_OK(node.Acknowledge(2, 3));
  EXPECT_EQ(node.status().commit, Index{3});
}

// R1.
TEST(ReplicationTest, AppliesEachEntryOnceAndInOrderInPagesOfAnySize) {
  for (size_t page : {1, 2, 3, 7, 100}) {
    TestCluster cluster(3, [page](RaftOptions& options) { options.limits.apply_entries = page; });
    cluster.Elect(1);
    for (int i = 0; i < 40; ++i) cluster.Propose(1, absl::StrCat(i));
    cluster.Settle();  // The cluster checks that what is applied has no gap.
    EXPECT_THAT(cluster.Commands(2), SizeIs(40));
    cluster.Crash(2);
    cluster.Start(2);
    cluster.Run(absl::Milliseconds(100));
    EXPECT_EQ(cluster.Commands(2), cluster.Commands(1));
  }
}

// R2.
TEST(ReplicationTest, APositionWithoutATermIsAnErrorAndNoMatch) {
  Recovered found;
  found.snapshot = {{5}, {2}, VotersUpTo(3), {}};
  LoneNode node({.term = 2, .found = found});
  EXPECT_THAT(node.Step(2, 2, After(5, 0)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(node.Step(2, 2, After(7, 0, {}, 9)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_TRUE(AnswerTo(node, 2, After(7, 2, {}, 9)).rejected);
  EXPECT_EQ(node.status().commit, Index{5});
}

// R3, R6: an append from before the snapshot, sent again, is known to be there.
TEST(ReplicationTest, EntriesInsideTheSnapshotCountAsMatching) {
  Recovered found;
  found.snapshot = {{5}, {2}, VotersUpTo(3), {}};
  LoneNode node({.term = 2, .found = found});
  const AppendReply old = AnswerTo(node, 2, After(1, 1, {EntryAt(2, 1), EntryAt(3, 1)}));
  EXPECT_FALSE(old.rejected);
  EXPECT_EQ(old.match, Index{5});
  std::vector<Entry> across = {EntryAt(4, 2), EntryAt(5, 2), EntryAt(6, 2), EntryAt(7, 2)};
  EXPECT_EQ(AnswerTo(node, 2, After(3, 1, across, 6)).match, Index{7});
  EXPECT_EQ(node.status().last, Index{7});
  EXPECT_EQ(node.status().commit, Index{6});
}

// R7.
TEST(ReplicationTest, AnAppendWithAHoleIsDropped) {
  LoneNode node({.log = {1}});
  EXPECT_THAT(node.Step(2, 1, After(1, 1, {EntryAt(3, 1)})),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(node.Step(2, 1, After(1, 1, {EntryAt(2, 1), EntryAt(4, 1)})),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(node.Step(2, 1, After(1, 1, {EntryAt(2, 9)})),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(node.status().last, Index{1});
}

TEST(ReplicationTest, OnlyAConflictCutsTheLog) {
  LoneNode node({.term = 2, .log = {1, 1, 1, 1}});
  EXPECT_EQ(AnswerTo(node, 2, After(1, 1, {EntryAt(2, 1)})).match, Index{2});
  EXPECT_EQ(AnswerTo(node, 2, After(0, 0)).match, Index{0});
  EXPECT_EQ(node.status().last, Index{4});  // Shorter and repeated messages took nothing away.
  EXPECT_EQ(AnswerTo(node, 2, After(2, 1, {EntryAt(3, 2)})).match, Index{3});
  EXPECT_EQ(node.status().last, Index{3});
  EXPECT_EQ(node.writes.back().truncate_from, Index{3});
}

TEST(ReplicationTest, AFollowerCommitsNoFurtherThanTheMessageProves) {
  LoneNode node({.term = 2, .log = {1, 1, 1}});  // 2 and 3 are a deposed leader's.
  AnswerTo(node, 2, After(1, 1, {}, 3));
  EXPECT_EQ(node.status().commit, Index{1});
}

TEST(ReplicationTest, ARefusalSkipsAWholeTermOnEitherSide) {
  LoneNode node({.term = 9, .log = {1, 1, 4, 4, 4, 4}});
  const AppendReply skip_mine = AnswerTo(node, 9, After(6, 3));
  EXPECT_TRUE(skip_mine.rejected);
  EXPECT_EQ(skip_mine.rejected_prev, Index{6});
  EXPECT_EQ(skip_mine.hint_index, Index{2});
  EXPECT_EQ(skip_mine.hint_term, Term{1});

  LoneNode leader({.term = 9, .log = {1, 1, 4, 4, 4, 4}});
  leader.BecomeLeader();  // Probes after 6.
  AppendReply reply;
  reply.rejected = true;
  reply.rejected_prev = {6};
  reply.hint_index = {6};
  reply.hint_term = {3};
  ASSERT_OK(leader.Step(2, 10, reply));
  const std::vector<AppendRequest> next = leader.SentOf<AppendRequest>();
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].prev_index, Index{2});
}

TEST(ReplicationTest, AHeartbeatIsAnsweredThoughTheDiskIsStuckAndClaimsOnlyWhatIsThere) {
  LoneNode node({.log = {1}});
  AnswerTo(node, 1, After(1, 1));
  node.slow_disk = true;
  ASSERT_OK(node.Step(2, 1, After(1, 1, {EntryAt(2, 1)})));
  EXPECT_THAT(node.SentOf<AppendReply>(), IsEmpty());
  ASSERT_OK(node.Step(2, 1, After(2, 1)));
  const std::vector<AppendReply> replies = node.SentOf<AppendReply>();
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_EQ(replies[0].match, Index{1});
  node.Persist();
  EXPECT_EQ(node.SentOf<AppendReply>().back().match, Index{2});
}

TEST(ReplicationTest, AHeartbeatInANewTermWaitsUntilTheDiskHasTheTerm) {
  LoneNode node({.log = {1}});
  node.slow_disk = true;
  ASSERT_OK(node.Step(2, 5, After(1, 1)));
  EXPECT_THAT(node.SentOf<AppendReply>(), IsEmpty());
  node.Persist();
  EXPECT_THAT(node.SentOf<AppendReply>(), SizeIs(1));
}

// A window whose answers are all lost must not stall for ever.
TEST(ReplicationTest, AFullWindowThatWasLostIsSentAgain) {
  TestCluster cluster(2, [](RaftOptions& options) {
    options.limits.inflight_messages = 2;
    options.limits.append_entries = 1;
  });
  cluster.Elect(1);
  cluster.Cut(1, 2);
  for (int i = 0; i < 6; ++i) cluster.Propose(1, absl::StrCat(i));
  cluster.Settle();
  cluster.Heal();
  cluster.Run(absl::Milliseconds(100));
  EXPECT_THAT(cluster.Commands(2), SizeIs(6));
}

// R5.
TEST(ReplicationTest, APeerThatHasEverythingIsProbedOnceAfterItsStreamBroke) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.raft(1).PeerConnected(cluster.now(), {2}, false);
  EXPECT_EQ(cluster.status(1).peers[0].state, PeerStatus::State::kProbe);
  cluster.Run(absl::Milliseconds(100));
  EXPECT_EQ(cluster.status(1).peers[0].state, PeerStatus::State::kReplicate);
}

// R35.
TEST(ReplicationTest, RoomForProposalsComesBackWithEveryCommit) {
  TestCluster cluster(3, [](RaftOptions& options) { options.limits.uncommitted_bytes = 10; });
  uint64_t leader = 1;
  cluster.Elect(leader);
  for (int round = 1; round <= 200; ++round) {
    cluster.Propose(leader, "12345");
    cluster.Propose(leader, "12345");
    EXPECT_THAT(cluster.raft(leader).Propose(cluster.now(), {MakePayload("1")}),
                StatusIs(StatusCode::kResourceExhausted));
    // Payload alone counts.
    EXPECT_OK(cluster.raft(leader).Propose(cluster.now(), {MakePayload("")}));
    cluster.Settle();
    if (round % 50 == 0) cluster.Elect(leader = leader % 3 + 1);
  }
  cluster.Propose(leader, std::string(100, 'x'));  // One alone always has room.
}

TEST(ReplicationTest, RefusesProposalsThatItCannotTake) {
  LoneNode node({.limits = {.uncommitted_entries = 3}});
  EXPECT_THAT(node.raft().Propose(node.now(), {MakePayload("a")}),
              StatusIs(StatusCode::kFailedPrecondition));
  node.BecomeLeader();
  EXPECT_THAT(node.raft().Propose(node.now(), {}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(node.raft().Propose(node.now(), {MakePayload(std::string(kEntryBytesMax + 1, 'x'))}),
              StatusIs(StatusCode::kInvalidArgument));
  const Index last = node.status().last;
  EXPECT_THAT(node.raft().Propose(node.now(), {4, MakePayload("a")}),
              StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(node.status().last, last);  // All or none.
}

// R36.
TEST(ReplicationTest, AnIdleClusterWritesNothing) {
  TestCluster cluster(3);
  cluster.Elect(1);
  cluster.Run(absl::Milliseconds(100));
  int syncs = 0;
  cluster.on_output = [&](uint64_t, const Output& output) {
    if (output.write.has_value()) ++syncs;
  };
  cluster.Run(absl::Seconds(2));
  EXPECT_EQ(syncs, 0);
  cluster.on_output = [&](uint64_t, const Output& output) {
    if (output.write.has_value() && output.write->must_sync) ++syncs;
  };
  cluster.Propose(1, "a");
  cluster.Run(absl::Milliseconds(100));
  EXPECT_EQ(syncs, 3);  // One for each disk.
}

// R34: 250 days of uptime, and numbers beyond what 32 bits or a double hold.
TEST(ReplicationTest, LargeNumbersAndLongUptimesAreLikeAnyOther) {
  for (uint64_t base : {uint64_t{1} << 32, uint64_t{1} << 53, uint64_t{1} << 62}) {
    TestCluster cluster(3);
    cluster.Advance(absl::Hours(24 * 250));
    for (uint64_t id : cluster.ids()) {
      cluster.Crash(id);
      cluster.node(id).disk.snapshot = {{base - 3}, {base}, VotersUpTo(3), {}};
      cluster.node(id).disk.hard_state = {{base}, {}, {base - 3}};
      cluster.Start(id);
    }
    cluster.Run(absl::Seconds(2));
    ASSERT_TRUE(cluster.LeaderId().has_value());
    for (int i = 0; i < 8; ++i) cluster.Propose(*cluster.LeaderId(), absl::StrCat(i));
    cluster.Settle();
    for (uint64_t id : cluster.ids()) EXPECT_THAT(cluster.Commands(id), SizeIs(8));
    EXPECT_GT(cluster.raft(*cluster.LeaderId()).LeaseUntil(), cluster.now());
  }
}

// R25: after a crash in the middle of replacing a suffix, the log is the old or the new one.
TEST(ReplicationTest, ACrashWhileASuffixIsReplacedLosesNothingCommitted) {
  for (size_t writes_kept : {0, 1, 2, 9}) {
    TestCluster cluster(3);
    cluster.Elect(1);
    cluster.Propose(1, "kept");
    cluster.Settle();
    cluster.Isolate(1);
    cluster.Propose(1, "lost");
    cluster.Propose(1, "lost too");
    cluster.Settle();
    cluster.Elect(2);
    cluster.Propose(2, "new");
    cluster.Settle();
    cluster.node(1).slow_disk = true;
    cluster.Heal();
    cluster.Run(absl::Milliseconds(100));
    cluster.Crash(1, writes_kept);
    cluster.node(1).slow_disk = false;
    cluster.Start(1);
    cluster.Run(absl::Seconds(1));
    for (uint64_t id : cluster.ids()) EXPECT_THAT(cluster.Commands(id), ElementsAre("kept", "new"));
  }
}

}  // namespace
}  // namespace z4j::consensus
