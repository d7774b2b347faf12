#include "services/consensus/raft/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "services/base/rng.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

using Kind = ConfigStep::Kind;
using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

ConfigStep StepOf(Kind kind, uint64_t id, uint64_t incarnation = 0) {
  return {kind, {id}, {absl::StrCat("node-", id), {incarnation}}};
}

TEST(MembershipTest, OneVoterChangesWithoutAJointPhase) {
  ASSERT_OK_AND_ASSIGN(Config next, ChangeConfig(VotersUpTo(3), {{StepOf(Kind::kAddVoter, 4)}}));
  EXPECT_EQ(next, VotersUpTo(4));
}

TEST(MembershipTest, TwoVotersChangeThroughAJointPhaseThatEndsByItself) {
  ASSERT_OK_AND_ASSIGN(
      Config joint,
      ChangeConfig(VotersUpTo(3), {{StepOf(Kind::kAddVoter, 4), StepOf(Kind::kRemove, 1)}}));
  EXPECT_THAT(joint.voters, ElementsAre(NodeId{2}, NodeId{3}, NodeId{4}));
  EXPECT_THAT(joint.outgoing, ElementsAre(NodeId{1}, NodeId{2}, NodeId{3}));
  EXPECT_TRUE(joint.auto_leave);
  EXPECT_TRUE(joint.IsMember(NodeId{1}));  // It still decides.
  EXPECT_THAT(ChangeConfig(joint, {{StepOf(Kind::kRemove, 2)}}),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(Config left, ChangeConfig(joint, {}));
  EXPECT_FALSE(left.joint());
  EXPECT_FALSE(left.IsMember(NodeId{1}));
  EXPECT_THAT(ChangeConfig(left, {}), StatusIs(StatusCode::kFailedPrecondition));
}

TEST(MembershipTest, ADemotedVoterLearnsOnlyAfterTheJointPhase) {
  ASSERT_OK_AND_ASSIGN(Config joint, EnterJoint(VotersUpTo(3), {StepOf(Kind::kAddLearner, 3)},
                                                /*auto_leave=*/false));
  EXPECT_THAT(joint.learners_next, ElementsAre(NodeId{3}));
  EXPECT_TRUE(joint.learners.empty());
  ASSERT_OK_AND_ASSIGN(Config left, LeaveJoint(joint));
  EXPECT_THAT(left.learners, ElementsAre(NodeId{3}));
  EXPECT_TRUE(left.learners_next.empty());
}

TEST(MembershipTest, RefusesWhatLeadsNowhereAndSaysWhy) {
  EXPECT_THAT(ChangeConfig(VotersUpTo(1), {{StepOf(Kind::kRemove, 1)}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("all voters")));
  EXPECT_THAT(ChangeConfig(VotersUpTo(3), {{StepOf(Kind::kRemove, 7)}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("7 is not a member")));
  EXPECT_THAT(ChangeConfig(VotersUpTo(3), {{StepOf(Kind::kAddVoter, 0)}}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ChangeConfig(VotersUpTo(kMembersMax), {{StepOf(Kind::kAddVoter, 10)}}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("members")));
  EXPECT_THAT(SimpleChange(VotersUpTo(3), {StepOf(Kind::kAddVoter, 4), StepOf(Kind::kAddVoter, 5)}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(EnterJoint({}, {StepOf(Kind::kAddVoter, 1)}, true),
              StatusIs(StatusCode::kInvalidArgument));
}

// R26: a node with an empty directory must not step into the shoes of the one that voted.
TEST(MembershipTest, AReplacedNodeIsRemovedBeforeItIsAddedAgain) {
  ASSERT_OK_AND_ASSIGN(Config known, ChangeConfig(VotersUpTo(3), {{StepOf(Kind::kUpdate, 3, 41)}}));
  for (Kind kind : {Kind::kAddVoter, Kind::kAddLearner, Kind::kUpdate}) {
    EXPECT_THAT(ChangeConfig(known, {{StepOf(kind, 3, 42)}}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("remove the member")));
  }
  EXPECT_THAT(ChangeConfig(known, {{StepOf(Kind::kRemove, 3), StepOf(Kind::kAddVoter, 3, 42)}}),
              StatusIs(StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(Config removed, ChangeConfig(known, {{StepOf(Kind::kRemove, 3, 42)}}));
  ASSERT_OK_AND_ASSIGN(Config again, ChangeConfig(removed, {{StepOf(Kind::kAddVoter, 3, 42)}}));
  EXPECT_EQ(again.members.at(NodeId{3}).incarnation, Incarnation{42});
}

// The last step that names a node decides what becomes of it; nothing else matters.
struct Model {
  Config After(const Config& before, const std::vector<ConfigStep>& steps, bool joint) {
    std::map<NodeId, Kind> last;
    for (const ConfigStep& step : steps) {
      if (step.id && step.kind != Kind::kUpdate) last[step.id] = step.kind;
    }
    Config after;
    if (joint) after.outgoing = before.voters;
    for (uint64_t value = 1; value <= 9; ++value) {
      const NodeId id{value};
      const bool voted = before.voters.contains(id);
      const bool learned = before.learners.contains(id);
      const auto step = last.find(id);
      const bool votes = step == last.end() ? voted : step->second == Kind::kAddVoter;
      const bool learns = step == last.end() ? learned : step->second == Kind::kAddLearner;
      if (votes) after.voters.insert(id);
      if (learns) (after.outgoing.contains(id) ? after.learners_next : after.learners).insert(id);
      if (votes || learns || after.outgoing.contains(id)) after.members[id] = {};
    }
    return after;
  }
};

Config WithoutMemberData(Config config) {
  for (auto& [id, member] : config.members) member = {};
  return config;
}

TEST(MembershipTest, AgreesWithTheAlgebraOfSetsForAnySteps) {
  Model model;
  int accepted = 0;
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Rng rng(seed);
    Config before;
    for (uint64_t id = 1; id <= 7; ++id) {
      if (rng.Chance(1, 2)) continue;
      (rng.Chance(2, 3) ? before.voters : before.learners).insert(NodeId{id});
      before.members[NodeId{id}] = {};
    }
    std::vector<ConfigStep> steps;
    for (uint64_t i = rng.Below(5); i > 0; --i) {
      steps.push_back(StepOf(static_cast<Kind>(rng.Below(4)), rng.Below(10)));
    }
    const Config simple = model.After(before, steps, /*joint=*/false);
    size_t changed = 0;
    for (uint64_t id = 1; id <= 9; ++id) {
      changed += before.voters.contains(NodeId{id}) != simple.voters.contains(NodeId{id}) ? 1 : 0;
    }
    const auto by_simple = SimpleChange(before, steps);
    ASSERT_EQ(by_simple.ok(), !simple.voters.empty() && changed <= 1) << by_simple.status();
    if (by_simple.ok()) {
      ASSERT_EQ(WithoutMemberData(*by_simple), simple);
    }

    Config joint = model.After(before, steps, /*joint=*/true);
    joint.auto_leave = rng.Chance(1, 2);
    const auto by_joint = EnterJoint(before, steps, joint.auto_leave);
    ASSERT_EQ(by_joint.ok(), !before.voters.empty() && !joint.voters.empty());
    if (!by_joint.ok()) continue;
    ++accepted;
    ASSERT_EQ(WithoutMemberData(*by_joint), joint);
    const auto left = LeaveJoint(*by_joint);
    ASSERT_OK(left);
    ASSERT_EQ(WithoutMemberData(*left), simple);  // Both ways lead to the same members.
    const auto decoded = DecodeConfig(EncodeConfig(*by_joint));
    ASSERT_OK(decoded);
    ASSERT_EQ(*decoded, *by_joint);
  }
  EXPECT_GT(accepted, 5'000);
}

TEST(MembershipTest, BytesThatAreNoConfigurationAreRefused) {
  const std::string bytes = EncodeConfig(VotersUpTo(3));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeConfig(bytes.substr(0, size)), StatusIs(StatusCode::kDataLoss)) << size;
  }
  EXPECT_THAT(DecodeConfig(bytes + "x"), StatusIs(StatusCode::kDataLoss));
  std::string other_version = bytes;
  other_version[0] = 2;
  EXPECT_THAT(DecodeConfig(other_version), StatusIs(StatusCode::kDataLoss));
  Config unknown_voter = VotersUpTo(2);
  unknown_voter.voters.insert(NodeId{3});
  EXPECT_THAT(DecodeConfig(EncodeConfig(unknown_voter)), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace z4j::consensus
