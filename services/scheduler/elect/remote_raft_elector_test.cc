#include "services/scheduler/elect/remote_raft_elector.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/client/testing/fake_cluster.h"
#include "services/scheduler/elect/testing/candidate.h"
#include "services/scheduler/elect/testing/elector_contract.h"

namespace z4j::scheduler {
namespace {

using consensus::client::FakeCluster;

// Long: what these tests await does not come from its end.
constexpr absl::Duration kTtl = absl::Seconds(20);
constexpr char kElection[] = "z4j-scheduler/test";

RemoteRaftElector::Options WithTtl(absl::Duration ttl) {
  RemoteRaftElector::Options options;
  options.session_ttl = ttl;
  return options;
}

class RemoteCluster final : public ElectorCluster {
 public:
  RemoteCluster() {
    for (const char* name : {"n1", "n2", "n3"}) {
      RemoteRaftElector::Options options = WithTtl(kTtl);
      options.endpoints = consensus_.endpoints();
      options.cluster = "test";
      options.node = name;
      electors_.push_back(*RemoteRaftElector::Create(options, clock_));
    }
  }
  std::vector<LeaderElector*> electors() override {
    std::vector<LeaderElector*> all;
    for (const auto& elector : electors_) all.push_back(elector.get());
    return all;
  }

 private:
  SystemClock clock_;
  FakeCluster consensus_{3};
  std::vector<std::unique_ptr<RemoteRaftElector>> electors_;
};

INSTANTIATE_TEST_SUITE_P(RemoteRaft, ElectorContract,
                         testing::Values([] { return std::make_unique<RemoteCluster>(); }));

// One scheduler: an elector on the shared consensus cluster.
struct Node {
  Node(const FakeCluster& cluster, Clock& clock, const std::string& name,
       RemoteRaftElector::Options options = WithTtl(kTtl))
      : elector([&] {
          options.endpoints = cluster.endpoints();
          options.cluster = "test";
          options.node = name;
          options.address = name + ":7801";
          return *RemoteRaftElector::Create(options, clock);
        }()),
        candidate(*elector, clock) {}

  std::unique_ptr<RemoteRaftElector> elector;
  Candidate candidate;
};

class RemoteRaftElectorTest : public testing::Test {
 protected:
  // Starts `a` and, once it leads, `b`, which waits.
  LeaderTerm Start(Node& a, Node& b) {
    EXPECT_OK(a.candidate.Start());
    const LeaderTerm term = a.candidate.AwaitTerm();
    EXPECT_OK(b.candidate.Start());
    cluster_.AwaitQueue(kElection, 1);
    AwaitLeader(b, "a");
    return term;
  }
  void AwaitLeader(Node& node, const std::string& leader) {
    const MonoTime until = clock_.MonoNow() + absl::Seconds(60);
    while (node.elector->Leader().holder != leader && clock_.MonoNow() < until) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(node.elector->Leader().holder, leader);
  }
  void AwaitNoTerm(Node& node) {
    const MonoTime until = clock_.MonoNow() + absl::Seconds(60);
    while (node.candidate.Leads() && clock_.MonoNow() < until) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_FALSE(node.candidate.Leads());
  }

  SystemClock clock_;
  FakeCluster cluster_{3};
};

TEST_F(RemoteRaftElectorTest, OnlyOneOfTwoLeadsAndBothKnowWho) {
  Node a(cluster_, clock_, "a"), b(cluster_, clock_, "b");
  const LeaderTerm term = Start(a, b);
  EXPECT_TRUE(a.candidate.Leads());
  EXPECT_FALSE(b.candidate.Leads());
  EXPECT_EQ(a.elector->Leader().holder, "a");
  EXPECT_EQ(b.elector->Leader().token, term.token);
  EXPECT_GT(term.token.value, int64_t{1} << 48);  // Epoch and log index; positive.
}

TEST_F(RemoteRaftElectorTest, TrustsItsTermNoLongerThanTheSession) {
  Node a(cluster_, clock_, "a");
  const MonoTime before = clock_.MonoNow();
  ASSERT_OK(a.candidate.Start());
  const LeaderTerm term = a.candidate.AwaitTerm();
  EXPECT_LT(before, term.trusted_until);
  EXPECT_LE(term.trusted_until, clock_.MonoNow() + kTtl * 9 / 10);
  EXPECT_EQ(a.elector->Current(clock_.MonoNow() + kTtl), std::nullopt);
}

TEST_F(RemoteRaftElectorTest, TheNamedSuccessorIsNextAheadOfTheQueue) {
  Node a(cluster_, clock_, "a"), b(cluster_, clock_, "b"), c(cluster_, clock_, "c");
  const LeaderTerm first = Start(a, b);
  ASSERT_OK(c.candidate.Start());
  cluster_.AwaitQueue(kElection, 2);
  EXPECT_OK(a.elector->CheckSuccessor("c"));
  a.elector->ResignTo("c", absl::Hours(1));
  EXPECT_GT(c.candidate.AwaitTerm().token, first.token);
  EXPECT_FALSE(b.candidate.Leads());
}

TEST_F(RemoteRaftElectorTest, OnlyWhoWaitsCanBeNamed) {
  Node a(cluster_, clock_, "a"), b(cluster_, clock_, "b");
  ASSERT_OK(a.candidate.Start());
  a.candidate.AwaitTerm();
  EXPECT_THAT(a.elector->CheckSuccessor(""), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(b.candidate.Start());
  cluster_.AwaitQueue(kElection, 1);
  EXPECT_OK(a.elector->CheckSuccessor(""));
  EXPECT_OK(a.elector->CheckSuccessor("b"));
  EXPECT_THAT(a.elector->CheckSuccessor("c"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(a.elector->CheckSuccessor("a"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RemoteRaftElectorTest, AResignationThatNobodyConfirmsEndsTheSession) {
  Node a(cluster_, clock_, "a"), b(cluster_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  cluster_.FailBefore("Resign", consensus::client::Outcome::kNotDone,
                      consensus::client::Reason::kLimit);
  a.elector->Resign(absl::Hours(1));
  EXPECT_GT(b.candidate.AwaitTerm().token, first.token);
}

TEST_F(RemoteRaftElectorTest, ABrokenStreamEndsTheTermAtOnce) {
  Node a(cluster_, clock_, "a");
  ASSERT_OK(a.candidate.Start());
  const LeaderTerm term = a.candidate.AwaitTerm();
  cluster_.SetLeader(-1);
  cluster_.BreakStreams();
  AwaitNoTerm(a);
  EXPECT_LT(clock_.MonoNow(), term.trusted_until);
}

TEST_F(RemoteRaftElectorTest, TheTermGoesOnWhenTheSessionOutlivedAChangeAmongTheNodes) {
  Node a(cluster_, clock_, "a"), b(cluster_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  cluster_.SetLeader(-1);
  cluster_.BreakStreams();
  AwaitNoTerm(a);
  cluster_.SetLeader(2);
  EXPECT_EQ(a.candidate.AwaitTerm().token, first.token);
  EXPECT_FALSE(b.candidate.Leads());
}

TEST_F(RemoteRaftElectorTest, ALostSessionEndsTheTermAndTheNextIsAnotherOne) {
  Node a(cluster_, clock_, "a"), b(cluster_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  cluster_.EndSession(cluster_.Sessions().front());
  const LeaderTerm second = b.candidate.AwaitTerm();
  EXPECT_GT(second.token, first.token);
  cluster_.BreakStreams();  // So that a hears of it now.
  AwaitLeader(a, "b");
  EXPECT_FALSE(a.candidate.Leads());
  cluster_.AwaitQueue(kElection, 1);  // It campaigns again, by a new session.
  b.elector->Stop();
  EXPECT_GT(a.candidate.AwaitTerm(second.token).token, second.token);
}

TEST_F(RemoteRaftElectorTest, AFrozenLeaderLosesTrustBeforeItsSessionCanEnd) {
  absl::Notification frozen, thaw;
  std::atomic<bool> freeze = false;
  RemoteRaftElector::Options options;
  options.session_ttl = absl::Milliseconds(600);
  options.before_sign = [&] {
    if (!freeze) return;
    if (!frozen.HasBeenNotified()) frozen.Notify();
    thaw.WaitForNotification();
  };
  Node a(cluster_, clock_, "a", options);
  ASSERT_OK(a.candidate.Start());
  a.candidate.AwaitTerm();
  freeze = true;
  frozen.WaitForNotification();
  // The last sign that the cluster has seen was sent before now.
  const MonoTime ends = clock_.MonoNow() + options.session_ttl;
  EXPECT_EQ(a.elector->Current(ends - absl::Milliseconds(60)), std::nullopt);
  freeze = false;
  thaw.Notify();
}

TEST_F(RemoteRaftElectorTest, StopsAlsoWhenNobodyAnswers) {
  Node a(cluster_, clock_, "a", WithTtl(absl::Milliseconds(300)));
  Node b(cluster_, clock_, "b", WithTtl(absl::Milliseconds(300)));
  ASSERT_OK(a.candidate.Start());
  a.candidate.AwaitTerm();
  for (int i = 0; i < 3; ++i) cluster_.Kill(i);
  ASSERT_OK(b.candidate.Start());
  a.elector->Stop();
  b.elector->Stop();
  a.elector->Stop();  // Again: nothing.
  EXPECT_FALSE(a.candidate.Leads());
}

TEST_F(RemoteRaftElectorTest, NoEndpointsAreRefused) {
  EXPECT_THAT(RemoteRaftElector::Create({}, clock_), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
