#include "services/scheduler/elect/raft_elector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/elect/testing/candidate.h"
#include "services/scheduler/elect/testing/fake_leadership_source.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kElectionTimeout = absl::Milliseconds(150);
constexpr absl::Duration kPause = absl::Seconds(2);

// The elector without its thread: the test steps it, and moves the time.
class RaftElectorTest : public testing::Test {
 protected:
  bool Leads() { return elector_.Current(clock_.MonoNow()).has_value(); }
  MonoTime In(absl::Duration duration) { return clock_.MonoNow() + duration; }

  SimulatedClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  FakeLeadershipSource source_;
  RaftElector elector_{{kElectionTimeout}, source_, clock_};
};

class RaftElectorThreadTest : public RaftElectorTest {
 protected:
  RaftElectorThreadTest() { EXPECT_OK(candidate_.Start()); }

  Candidate candidate_{elector_, clock_};
};

TEST_F(RaftElectorThreadTest, LeadsWithTheTokenAndTheLeaseOfTheConsensusLeader) {
  EXPECT_FALSE(Leads());
  source_.Elect(7, In(absl::Milliseconds(100)));
  const LeaderTerm term = candidate_.AwaitTerm();
  EXPECT_EQ(term.token, FencingToken{7});
  EXPECT_EQ(term.trusted_until, In(absl::Milliseconds(100)));
  clock_.Advance(absl::Milliseconds(100));
  EXPECT_FALSE(Leads());
}

TEST_F(RaftElectorThreadTest, ThatALeadershipEndedIsSeenAtOnce) {
  source_.Elect(7);
  candidate_.AwaitTerm();
  source_.Lose();
  EXPECT_FALSE(Leads());
  source_.Elect(9);
  EXPECT_EQ(candidate_.AwaitTerm({7}).token, FencingToken{9});
}

TEST_F(RaftElectorThreadTest, WhoResignsLeadsNoMoreAndHandsOver) {
  source_.Elect(7);
  candidate_.AwaitTerm();
  elector_.Resign(kPause);
  EXPECT_FALSE(Leads());
  source_.AwaitHandOvers(1);
  EXPECT_THAT(source_.handed_to(), ElementsAre(""));
}

TEST_F(RaftElectorThreadTest, StopHandsOverBeforeItReturns) {
  source_.Elect(7);
  candidate_.AwaitTerm();
  elector_.Stop();
  EXPECT_FALSE(Leads());
  EXPECT_THAT(source_.handed_to(), ElementsAre(""));
  EXPECT_EQ(elector_.Leader().holder, "other");
  source_.Elect(9);  // A stopped one holds no term, whatever happens.
  EXPECT_FALSE(Leads());
  elector_.Stop();
}

TEST_F(RaftElectorThreadTest, StopTriesToHandOverAlsoWhatNobodyTookBefore) {
  source_.set_others_live(false);
  source_.Elect(7);
  candidate_.AwaitTerm();
  elector_.Resign(kPause);
  source_.AwaitHandOvers(1);
  EXPECT_EQ(candidate_.AwaitTerm().token, FencingToken{7});
  elector_.Stop();
  EXPECT_THAT(source_.handed_to(), ElementsAre("", ""));
}

TEST_F(RaftElectorTest, AFollowerThatStopsHandsNothingOver) {
  ASSERT_OK(elector_.Start([] {}));
  elector_.Stop();
  EXPECT_THAT(source_.handed_to(), IsEmpty());
}

TEST_F(RaftElectorTest, ATermThatComesBackWithinThePauseIsHandedOverAgain) {
  source_.Elect(7);
  elector_.ResignTo("other", kPause);
  elector_.Step();
  source_.Elect(9);
  EXPECT_FALSE(Leads());
  elector_.Step();
  EXPECT_THAT(source_.handed_to(), ElementsAre("other", ""));
  clock_.Advance(kPause);
  source_.Elect(11);
  elector_.Step();
  EXPECT_TRUE(Leads());
}

TEST_F(RaftElectorTest, ATermThatNobodyTakesIsKept) {
  source_.set_others_live(false);
  source_.Elect(7);
  elector_.Resign(kPause);
  EXPECT_FALSE(Leads());
  elector_.Step();
  ASSERT_TRUE(Leads());
  EXPECT_EQ(elector_.Current(clock_.MonoNow())->token, FencingToken{7});
  elector_.Step();
  EXPECT_THAT(source_.handed_to(), ElementsAre(""));  // Once is enough.
}

TEST_F(RaftElectorTest, WhoCanHaveNoTrustAnyMoreCampaignsAnew) {
  source_.Elect(7, In(absl::Milliseconds(100)));
  elector_.Step();
  clock_.Advance(absl::Milliseconds(100));
  elector_.Step();
  EXPECT_EQ(source_.campaigns(), 0);
  clock_.Advance(3 * kElectionTimeout);
  elector_.Step();
  EXPECT_EQ(source_.campaigns(), 1);
  elector_.Step();
  EXPECT_EQ(source_.campaigns(), 1);
}

TEST_F(RaftElectorTest, TokensAreRaisedAboveOneOfAnotherElectionAndForNothingElse) {
  source_.Elect(7);
  elector_.MustExceed({6});
  elector_.Step();
  EXPECT_EQ(elector_.Current(clock_.MonoNow())->token, FencingToken{7});
  elector_.MustExceed({50});
  elector_.Step();
  EXPECT_EQ(elector_.Current(clock_.MonoNow())->token, FencingToken{1050});
}

}  // namespace
}  // namespace z4j::scheduler
