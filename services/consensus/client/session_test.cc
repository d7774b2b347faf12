#include "services/consensus/client/session.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/client/testing/fake_cluster.h"

namespace z4j::consensus::client {
namespace {

constexpr char kName[] = "tick";
// Long: what these tests await does not come from its end.
constexpr absl::Duration kTtl = absl::Seconds(20);

class SessionTest : public testing::Test {
 protected:
  std::unique_ptr<Session> Open(absl::Duration ttl = kTtl) {
    SessionOptions options;
    options.ttl = ttl;
    options.owner = "test";
    options.on_change = [this] {
      absl::MutexLock lock(&mu_);
      ++changes_;
    };
    options.before_sign = before_sign_;
    Result<std::unique_ptr<Session>> session = Session::Open(*connection_, options, Soon());
    EXPECT_OK(session.status());
    return *std::move(session);
  }
  CallOptions Soon() { return {clock_.MonoNow() + absl::Seconds(60), nullptr}; }

  // Waits until the session is trusted, or is not.
  bool Await(const Session& session, bool trusted) {
    absl::MutexLock lock(&mu_);
    const auto is = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return session.trusted_until().has_value() == trusted && changes_ >= 0;
    };
    return mu_.AwaitWithTimeout(absl::Condition(&is), absl::Seconds(60));
  }
  std::future<Result<uint64_t>> Campaign(Session& session) {
    return std::async(std::launch::async,
                      [&session] { return session.Campaign(kName, "v", CallOptions()); });
  }

  SystemClock clock_;
  FakeCluster cluster_{3};
  std::unique_ptr<Connection> connection_ = cluster_.Connect(clock_);
  std::function<void()> before_sign_ = [] {};
  absl::Mutex mu_;
  int changes_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST_F(SessionTest, IsTrustedFromItsFirstAnswerFor9TenthsOfItsTtl) {
  const MonoTime before = clock_.MonoNow();
  const auto session = Open();
  ASSERT_TRUE(Await(*session, true));
  EXPECT_GE(*session->trusted_until(), before + kTtl * 9 / 10);
  EXPECT_LE(*session->trusted_until(), clock_.MonoNow() + kTtl * 9 / 10);
}

TEST_F(SessionTest, ASessionWhoseOpeningWasNotAnsweredIsTheSameOne) {
  cluster_.FailAfter("OpenSession", Outcome::kUnknown, Reason::kNoAnswer);
  const auto session = Open();
  EXPECT_EQ(cluster_.Done("OpenSession"), 1);
  EXPECT_EQ(cluster_.Sessions(), std::vector<uint64_t>{session->id()});
}

TEST_F(SessionTest, FindsTheLeaderByHintsOrWithoutThem) {
  for (const bool hints : {true, false}) {
    cluster_.SetHints(hints);
    cluster_.SetLeader(hints ? 2 : 1);
    const auto session = Open();
    EXPECT_TRUE(Await(*session, true));
  }
}

TEST_F(SessionTest, ABrokenStreamEndsTheTrustAndAnotherAnswerRestoresIt) {
  const auto session = Open();
  ASSERT_TRUE(Await(*session, true));
  cluster_.SetLeader(-1);  // So that no other answer comes yet.
  cluster_.BreakStreams();
  ASSERT_TRUE(Await(*session, false));
  EXPECT_FALSE(session->lost());
  cluster_.SetLeader(1);
  EXPECT_TRUE(Await(*session, true));
}

TEST_F(SessionTest, FollowsTheLeaderWhenItsNodeDies) {
  const auto session = Open();
  ASSERT_TRUE(Await(*session, true));
  cluster_.SetLeader(2);
  cluster_.Kill(0);
  cluster_.AwaitCalls("KeepAlive", 2);
  EXPECT_TRUE(Await(*session, true));
}

TEST_F(SessionTest, LeavesANodeThatFallsSilent) {
  const auto session = Open(absl::Seconds(1));
  ASSERT_TRUE(Await(*session, true));
  cluster_.Mute(0, true);
  cluster_.SetLeader(2);
  ASSERT_TRUE(Await(*session, false));
  EXPECT_TRUE(Await(*session, true));
  EXPECT_GE(cluster_.Calls("KeepAlive", 2), 1);
  cluster_.Mute(0, false);
}

TEST_F(SessionTest, ASessionThatTheClusterEndedIsLostAndItsCallsEnd) {
  const auto holder = Open();
  ASSERT_TRUE(holder->Campaign(kName, "v", Soon()).ok());
  const auto session = Open();
  auto campaign = Campaign(*session);
  cluster_.AwaitQueue(kName, 1);
  cluster_.EndSession(session->id());
  const Result<uint64_t> result = campaign.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().reason, Reason::kSessionLost);
  EXPECT_TRUE(session->lost());
  EXPECT_EQ(session->trusted_until(), std::nullopt);
  EXPECT_EQ(session->Resign(kName, 1, 0, Soon()).failure().reason, Reason::kSessionLost);
}

TEST_F(SessionTest, AFrozenSessionRunsOutOfTrustThoughNobodyTellsIt) {
  absl::Notification thaw;
  std::atomic<int> signs = 0;
  before_sign_ = [&] {
    if (++signs > 1) thaw.WaitForNotification();
  };
  const auto session = Open(absl::Milliseconds(300));
  ASSERT_TRUE(Await(*session, true));
  const MonoTime until = *session->trusted_until();
  while (clock_.MonoNow() < until) {
    EXPECT_EQ(session->trusted_until(), until);  // Nothing renews it.
    std::this_thread::yield();
  }
  thaw.Notify();
}

TEST_F(SessionTest, TheLeadershipGoesToWhoeverWaitedFirst) {
  const auto a = Open(), b = Open(), c = Open();
  const Result<uint64_t> first = a->Campaign(kName, "v", Soon());
  ASSERT_TRUE(first.ok());
  auto second = Campaign(*b);
  cluster_.AwaitQueue(kName, 1);
  auto third = Campaign(*c);
  cluster_.AwaitQueue(kName, 2);
  ASSERT_TRUE(a->Resign(kName, *first, 0, Soon()).ok());
  const uint64_t token = *second.get();
  EXPECT_GT(token, *first);
  ASSERT_TRUE(b->Close(Soon()).ok());
  EXPECT_GT(*third.get(), token);
}

TEST_F(SessionTest, TheCandidatesAreKnownInTheirOrder) {
  const auto a = Open(), b = Open(), c = Open();
  EXPECT_EQ(a->Candidates(kName, Soon())->size(), 0);
  ASSERT_TRUE(a->Campaign(kName, "v", Soon()).ok());
  auto second = Campaign(*b);
  cluster_.AwaitQueue(kName, 1);
  auto third = Campaign(*c);
  cluster_.AwaitQueue(kName, 2);
  const auto candidates = a->Candidates(kName, Soon());
  ASSERT_TRUE(candidates.ok());
  ASSERT_EQ(candidates->size(), 2);
  EXPECT_EQ(candidates->front().session_id, b->id());
  EXPECT_EQ(candidates->front().owner, "test");
  ASSERT_TRUE(a->Close(Soon()).ok());
  ASSERT_TRUE(b->Close(Soon()).ok());
  EXPECT_TRUE(third.get().ok());
}

TEST_F(SessionTest, ACampaignGoesOnAtTheNextLeaderUnderTheSameNumber) {
  const auto holder = Open(), waiter = Open();
  const Result<uint64_t> first = holder->Campaign(kName, "v", Soon());
  ASSERT_TRUE(first.ok());
  auto campaign = Campaign(*waiter);
  cluster_.AwaitQueue(kName, 1);
  const int done = cluster_.Done("Campaign");
  cluster_.SetLeader(1);
  ASSERT_TRUE(holder->Resign(kName, *first, 0, Soon()).ok());
  EXPECT_TRUE(campaign.get().ok());
  EXPECT_EQ(cluster_.Done("Campaign"), done);
}

TEST_F(SessionTest, ACampaignIsNotStuckAtALeaderThatFellSilent) {
  const auto holder = Open(absl::Seconds(1)), waiter = Open(absl::Seconds(1));
  const Result<uint64_t> first = holder->Campaign(kName, "v", Soon());
  ASSERT_TRUE(first.ok());
  auto campaign = Campaign(*waiter);
  cluster_.AwaitQueue(kName, 1);
  cluster_.Mute(0, true);  // Its connections stay open, as when a machine loses its power.
  cluster_.SetLeader(2);
  ASSERT_TRUE(holder->Resign(kName, *first, 0, Soon()).ok());
  EXPECT_TRUE(campaign.get().ok());
  cluster_.Mute(0, false);
}

TEST_F(SessionTest, ACampaignThatWasDoneAndNotAnsweredIsNotDoneTwice) {
  const auto session = Open();
  cluster_.FailAfter("Campaign", Outcome::kUnknown, Reason::kNoAnswer);
  EXPECT_TRUE(session->Campaign(kName, "v", Soon()).ok());
  EXPECT_EQ(cluster_.Done("Campaign"), 1);
  EXPECT_GE(cluster_.Calls("Campaign"), 2);
}

TEST_F(SessionTest, WhosePlaceWasGivenUpTakesAnother) {
  const auto session = Open();
  cluster_.FailBefore("Campaign", Outcome::kRefused, Reason::kNotGranted);
  EXPECT_TRUE(session->Campaign(kName, "v", Soon()).ok());
  EXPECT_EQ(cluster_.Calls("Campaign"), 2);
}

TEST_F(SessionTest, ACancelledCampaignEnds) {
  const auto holder = Open(), waiter = Open();
  ASSERT_TRUE(holder->Campaign(kName, "v", Soon()).ok());
  Cancellation cancellation;
  auto campaign = std::async(std::launch::async, [&] {
    return waiter->Campaign(kName, "v", {{absl::InfiniteDuration()}, &cancellation});
  });
  cluster_.AwaitQueue(kName, 1);
  cancellation.Cancel();
  const Result<uint64_t> result = campaign.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().reason, Reason::kCancelled);
  EXPECT_EQ(result.failure().outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, ClosingEndsItAtTheClusterAndIsIdempotent) {
  const auto session = Open();
  ASSERT_TRUE(session->Close(Soon()).ok());
  EXPECT_EQ(cluster_.Sessions(), std::vector<uint64_t>());
  EXPECT_EQ(session->trusted_until(), std::nullopt);
  const int calls = cluster_.Calls("CloseSession");
  EXPECT_TRUE(session->Close(Soon()).ok());
  EXPECT_EQ(cluster_.Calls("CloseSession"), calls);
}

}  // namespace
}  // namespace z4j::consensus::client
