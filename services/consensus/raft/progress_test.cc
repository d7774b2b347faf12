#include "services/consensus/raft/progress.h"

#include <gtest/gtest.h>

namespace z4j::consensus {
namespace {

using State = PeerStatus::State;

Progress Peer() { return Progress({10}, {}, 3, 100); }

Progress Replicating() {
  Progress peer = Peer();
  peer.TakeMatch({5});
  peer.BecomeReplicate();
  return peer;
}

TEST(ProgressTest, ProbesWithOneMessageAtATime) {
  Progress peer = Peer();
  EXPECT_EQ(peer.next, Index{11});
  EXPECT_FALSE(peer.Paused());
  peer.SentEntries({11}, 1);
  EXPECT_TRUE(peer.Paused());
  EXPECT_EQ(peer.next, Index{11});
}

TEST(ProgressTest, TheWindowIsBoundedByMessagesAndByBytes) {
  Progress by_messages = Replicating();
  for (uint64_t i = 6; i <= 8; ++i) by_messages.SentEntries({i}, 1);
  EXPECT_TRUE(by_messages.Paused());
  Progress by_bytes = Replicating();
  by_bytes.SentEntries({6}, 100);
  EXPECT_TRUE(by_bytes.Paused());
  by_bytes.inflights.FreeTo({6});
  EXPECT_FALSE(by_bytes.Paused());
}

// R4: bytes of lost messages that stay on the books would stop replication for ever.
TEST(ProgressTest, AChangeOfStateEmptiesTheWindow) {
  Progress peer = Replicating();
  peer.SentEntries({6}, 60);
  peer.SentEntries({7}, 60);
  ASSERT_TRUE(peer.Paused());
  peer.BecomeProbe();
  EXPECT_EQ(peer.inflights.bytes(), 0);
  peer.BecomeReplicate();
  EXPECT_FALSE(peer.Paused());
  EXPECT_EQ(peer.next, Index{6});
}

// R7: what a peer has acknowledged it has; a late rejection cannot take it back.
TEST(ProgressTest, AStrayRejectionMovesNothing) {
  Progress replicating = Replicating();
  EXPECT_FALSE(replicating.TakeReject({5}, {2}));
  EXPECT_FALSE(replicating.TakeReject({3}, {0}));
  EXPECT_EQ(replicating.state, State::kReplicate);
  EXPECT_EQ(replicating.match, Index{5});
  Progress probing = Peer();
  probing.SentEntries({11}, 1);
  EXPECT_FALSE(probing.TakeReject({7}, {2}));  // Not the message on its way.
  EXPECT_EQ(probing.next, Index{11});
  EXPECT_TRUE(probing.Paused());
}

TEST(ProgressTest, ARejectionGoesToWhereTheLogsMayAgree) {
  Progress peer = Peer();
  peer.SentEntries({11}, 1);
  EXPECT_TRUE(peer.TakeReject({10}, {4}));
  EXPECT_EQ(peer.next, Index{5});
  EXPECT_FALSE(peer.Paused());
  Progress replicating = Replicating();
  replicating.SentEntries({9}, 1);
  EXPECT_TRUE(replicating.TakeReject({8}, {7}));
  EXPECT_EQ(replicating.state, State::kProbe);
  EXPECT_EQ(replicating.next, Index{6});
}

TEST(ProgressTest, AfterASnapshotTheLogGoesOnBehindIt) {
  Progress peer = Peer();
  peer.BecomeSnapshot({8});
  EXPECT_TRUE(peer.Paused());
  EXPECT_FALSE(peer.TakeReject({10}, {4}));
  peer.BecomeProbe();
  EXPECT_EQ(peer.next, Index{9});
}

TEST(SendLogTest, KnowsTheInstantOfTheNewestAnsweredMessageAlone) {
  SendLog sends;
  sends.Add({1, {absl::Seconds(1)}, false});
  sends.Add({2, {absl::Seconds(2)}, true});
  sends.Add({3, {absl::Seconds(3)}, false});
  ASSERT_TRUE(sends.Take(2).has_value());
  EXPECT_FALSE(sends.Take(1).has_value());  // Overtaken.
  EXPECT_FALSE(sends.Take(2).has_value());  // Repeated.
  EXPECT_FALSE(sends.Take(7).has_value());  // Never sent …
  EXPECT_EQ(sends.size(), 0);
}

TEST(SendLogTest, IsBounded) {
  SendLog sends;
  for (uint64_t id = 1; id <= 10 * kSendsTrackedMax; ++id) sends.Add({id, {}, false});
  EXPECT_EQ(sends.size(), kSendsTrackedMax);
}

}  // namespace
}  // namespace z4j::consensus
