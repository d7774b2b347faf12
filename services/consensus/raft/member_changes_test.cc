#include "services/consensus/raft/member_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using Kind = ConfigStep::Kind;

constexpr NodeId kSelf{1};

std::string Name(NodeId id) { return absl::StrCat("n", id.value); }

// What node 1 knows, which leads `voters` nodes; those in `silent` do not answer.
RaftStatus LeaderOf(uint64_t voters, const std::set<uint64_t>& silent = {}) {
  RaftStatus status;
  status.last = Index{5000};
  for (uint64_t number = 1; number <= voters; ++number) {
    const NodeId id{number};
    status.config.voters.insert(id);
    status.config.members[id] = {absl::StrCat("host-", number, ":1"), {100 + number}};
    if (id == kSelf) continue;
    PeerStatus peer;
    peer.id = id;
    peer.match = status.last;
    peer.recently_active = !silent.contains(number);
    status.peers.push_back(peer);
  }
  return status;
}

RaftStatus WithLearner(RaftStatus status, uint64_t number, uint64_t lag, bool answers = true) {
  const NodeId id{number};
  status.config.learners.insert(id);
  status.config.members[id] = {absl::StrCat("host-", number, ":1"), {}};
  PeerStatus peer;
  peer.id = id;
  peer.match = status.last - lag;
  peer.recently_active = answers;
  status.peers.push_back(peer);
  return status;
}

TEST(MemberChangesTest, AnAddedNodeBeginsWithoutAVote) {
  ASSERT_OK_AND_ASSIGN(const ConfigChange change,
                       PlanAdd(LeaderOf(3), NodeId{4}, {"host-4:1", {}}, Name));
  ASSERT_EQ(change.steps.size(), 1u);
  EXPECT_EQ(change.steps[0].kind, Kind::kAddLearner);
  EXPECT_EQ(change.steps[0].member.address, "host-4:1");
}

TEST(MemberChangesTest, NumbersAndAddressesAreGivenOnce) {
  EXPECT_THAT(PlanAdd(LeaderOf(3), NodeId{3}, {"host-9:1", {}}, Name),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("n3 is a member already")));
  EXPECT_THAT(PlanAdd(LeaderOf(3), NodeId{4}, {"host-2:1", {}}, Name),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("host-2:1 is the address of n2")));
  EXPECT_THAT(PlanAdd(LeaderOf(kMembersMax), NodeId{99}, {"host-99:1", {}}, Name),
              StatusIs(StatusCode::kResourceExhausted));
}

TEST(MemberChangesTest, ALearnerVotesOnceItAnswersAndHasCaughtUp) {
  ASSERT_OK_AND_ASSIGN(const ConfigChange change,
                       PlanPromote(WithLearner(LeaderOf(2), 4, kPromoteLagEntriesMax), {4}, Name));
  ASSERT_EQ(change.steps.size(), 1u);
  EXPECT_EQ(change.steps[0].kind, Kind::kAddVoter);
  EXPECT_THAT(PlanPromote(WithLearner(LeaderOf(2), 4, kPromoteLagEntriesMax + 1), {4}, Name),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("n4 lacks 1001 entries")));
  EXPECT_THAT(PlanPromote(WithLearner(LeaderOf(2), 4, 0, /*answers=*/false), {4}, Name),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("n4 does not answer")));
}

TEST(MemberChangesTest, WhoeverVotesIsPromotedByNothing) {
  ASSERT_OK_AND_ASSIGN(const ConfigChange change, PlanPromote(LeaderOf(3), {2}, Name));
  EXPECT_TRUE(change.steps.empty());
}

TEST(MemberChangesTest, AnUnknownNodeIsToldWhoThereIs) {
  for (const auto& status : {PlanPromote(LeaderOf(3), {9}, Name).status(),
                             PlanRemove(LeaderOf(3), kSelf, {9}, Name).status()}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kNotFound,
                                 HasSubstr("n9 is no member; there are n1, n2, n3")));
  }
}

TEST(MemberChangesTest, ADeadNodeIsRemovedWhileTheOthersAnswer) {
  EXPECT_OK(PlanRemove(LeaderOf(3, {3}), kSelf, {3}, Name));
  EXPECT_OK(PlanRemove(LeaderOf(5, {4, 5}), kSelf, {5}, Name));
  EXPECT_OK(PlanRemove(LeaderOf(2), kSelf, {2}, Name));
}

TEST(MemberChangesTest, ALivingNodeIsNotRemovedWhereADeadOneWouldBeNeeded) {
  EXPECT_THAT(PlanRemove(LeaderOf(3, {3}), kSelf, {2}, Name),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("n1, n3 would vote, and n3 does not answer")));
  EXPECT_THAT(PlanRemove(LeaderOf(5, {4, 5}), kSelf, {2}, Name),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("n4, n5 do not answer")));
  EXPECT_THAT(PlanRemove(LeaderOf(3, {3}), kSelf, kSelf, Name),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("n2, n3 would vote")));
}

TEST(MemberChangesTest, TheLastVoterStays) {
  EXPECT_THAT(PlanRemove(LeaderOf(1), kSelf, kSelf, Name),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("n1 is the last one that votes")));
}

TEST(MemberChangesTest, ALearnerIsRemovedWhateverElseIsDown) {
  EXPECT_OK(PlanRemove(WithLearner(LeaderOf(3, {3}), 4, 9, /*answers=*/false), kSelf, {4}, Name));
}

}  // namespace
}  // namespace z4j::consensus
