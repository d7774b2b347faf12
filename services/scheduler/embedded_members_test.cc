// Members of the schedulers' own consensus, lost and replaced: real nodes over loopback, no stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/scheduler/testing/embedded_cluster.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Verb = MemberWish::Verb;

class EmbeddedMembersTest : public testing::Test {
 protected:
  EmbeddedMembersTest() {
    for (LeaderElector* elector : cluster_.electors()) EXPECT_OK(elector->Start([] {}));
    leader_ = AwaitLeader();
    AwaitQuiet();
  }

  int AwaitLeader() {
    while (true) {
      for (int node = 0; node < cluster_.size(); ++node) {
        if (!cluster_.runs(node)) continue;
        if (cluster_.node(node).elector.Current(clock_.MonoNow())) return node;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  ConsensusState State() { return *cluster_.node(leader_).consensus.State(); }
  // Waits until the leader hears all, and has written nothing for a while: it knows them then.
  void AwaitQuiet() {
    uint64_t last = 0;
    for (int quiet = 0; quiet < 20; ++quiet) {
      absl::SleepFor(absl::Milliseconds(5));
      const ConsensusState state = State();
      for (const ConsensusPeerState& peer : state.peers) {
        if (!peer.leader && !peer.reachable.value_or(false)) quiet = -1;
      }
      if (state.last_index != last || state.commit_index != last) quiet = -1;
      last = state.last_index;
    }
  }

  // Asks the node at `node`.
  absl::Status ChangeAt(int node, MemberWish wish) {
    return cluster_.node(node).consensus.ChangeMembers(wish, clock_.MonoNow() + absl::Seconds(30),
                                                       [this](const RecordClusterChange& change) {
                                                         recorded_.push_back(change);
                                                         return record_result_;
                                                       });
  }
  absl::Status Change(Verb verb, const std::string& node, const std::string& address = "") {
    while (true) {
      const absl::Status status = ChangeAt(leader_, {verb, node, address});
      // A machine under load may have elected another since.
      if (cluster_.node(leader_).elector.Current(clock_.MonoNow())) return status;
      leader_ = AwaitLeader();
    }
  }
  // As somebody does who is told to try again.
  void Promote(const std::string& node) {
    absl::Status status;
    do {
      status = Change(Verb::kPromote, node);
    } while (absl::IsFailedPrecondition(status));
    EXPECT_OK(status);
  }
  std::vector<std::string> Voters() {
    std::vector<std::string> voters;
    for (const ConsensusPeerState& peer : State().peers) {
      if (peer.voter) voters.push_back(peer.name);
    }
    return voters;
  }
  int Follower() const { return (leader_ + 1) % 3; }

  SystemClock clock_;
  EmbeddedCluster cluster_{3};
  int leader_ = 0;
  std::vector<RecordClusterChange> recorded_;
  absl::Status record_result_;
};

TEST_F(EmbeddedMembersTest, ALostFolderIsRefusedAndTheNodeComesBackRemovedAndAdded) {
  const int lost = Follower();
  const std::string name = cluster_.name(lost), address = cluster_.address(lost);
  cluster_.Kill(lost);
  cluster_.Wipe(lost);
  EXPECT_THAT(cluster_.TryBegin(lost, /*join=*/false),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("cluster remove " + name),
                             HasSubstr("cluster add " + name + " " + address))));
  EXPECT_OK(Change(Verb::kRemove, name));
  EXPECT_OK(Change(Verb::kAdd, name, address));
  EXPECT_EQ(Voters().size(), 2u);
  EXPECT_THAT(Change(Verb::kPromote, name),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("does not answer")));
  cluster_.Kill(lost);
  EXPECT_OK(cluster_.TryBegin(lost, /*join=*/false));  // With its old flags.
  Promote(name);
  EXPECT_THAT(Voters(), ElementsAre("n1", "n2", "n3"));
  // Its vote counts: another may be lost.
  const int third = 3 - leader_ - lost;
  cluster_.Kill(third);
  const auto hears_third = [&] {
    for (const ConsensusPeerState& peer : State().peers) {
      if (peer.name == cluster_.name(third)) return peer.reachable.value_or(true);
    }
    return true;
  };
  while (hears_third()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(AwaitLeader(), leader_);
}

TEST_F(EmbeddedMembersTest, AFourthNodeReplacesOneThatIsGone) {
  const int gone = Follower();
  cluster_.Kill(gone);
  const int fourth = cluster_.Another();
  EXPECT_OK(Change(Verb::kRemove, cluster_.name(gone)));
  EXPECT_OK(Change(Verb::kAdd, "n4", cluster_.address(fourth)));
  ASSERT_OK(cluster_.TryBegin(fourth, /*join=*/true));
  ASSERT_OK(cluster_.node(fourth).elector.Start([] {}));
  Promote("n4");
  // The others were never told its name.
  EXPECT_OK(cluster_.node(leader_).elector.CheckSuccessor("n4"));
  cluster_.node(leader_).elector.ResignTo("n4", absl::Seconds(30));
  while (!cluster_.node(fourth).elector.Current(clock_.MonoNow())) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  while (cluster_.node(leader_).elector.Leader().holder != "n4") {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

TEST_F(EmbeddedMembersTest, WhatIsChangedIsRecordedBeforeItIsMade) {
  const std::string name = cluster_.name(Follower());
  record_result_ = absl::UnavailableError("the database is away");
  EXPECT_THAT(Change(Verb::kRemove, name), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(Voters().size(), 3u) << "without an entry nothing is done";
  record_result_ = absl::OkStatus();
  recorded_.clear();
  EXPECT_OK(Change(Verb::kRemove, name));
  ASSERT_EQ(recorded_.size(), 1u);
  EXPECT_EQ(recorded_[0].action, "member.remove");
  EXPECT_EQ(recorded_[0].resource, "cluster/members/" + name);
  EXPECT_THAT(recorded_[0].before,
              AllOf(HasSubstr("\"node\":\"" + name + "\""), HasSubstr("\"votes\":true"),
                    HasSubstr(cluster_.address(Follower()))));
  EXPECT_EQ(recorded_[0].after, "");
}

TEST_F(EmbeddedMembersTest, WhatCannotBeDoneIsRefusedAndNotRecorded) {
  const std::string self = cluster_.name(leader_), other = cluster_.name(Follower());
  EXPECT_THAT(ChangeAt(Follower(), {Verb::kRemove, self, ""}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("ask " + self)));
  EXPECT_THAT(Change(Verb::kRemove, self),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("cluster transfer")));
  EXPECT_THAT(Change(Verb::kRemove, "n9"),
              StatusIs(StatusCode::kNotFound, HasSubstr("there are n1, n2, n3")));
  EXPECT_THAT(Change(Verb::kRemove, "nobody"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("does not end in a node's number")));
  EXPECT_THAT(Change(Verb::kAdd, "m4", "127.0.0.1:1"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("4 is n4")));
  EXPECT_THAT(Change(Verb::kAdd, "n4", "127.0.0.1"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is no address")));
  EXPECT_THAT(Change(Verb::kAdd, other, "127.0.0.1:1"), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(Change(Verb::kAdd, "n4", cluster_.address(leader_)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is the address of " + self)));
  EXPECT_OK(Change(Verb::kPromote, other)) << "it votes";
  EXPECT_TRUE(recorded_.empty());
}

}  // namespace
}  // namespace z4j::scheduler
