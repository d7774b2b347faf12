#include "services/consensus/client/consensus_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/client/leader_watch.h"
#include "services/consensus/client/session.h"
#include "services/consensus/client/testing/fake_cluster.h"

namespace z4j::consensus::client {
namespace {

class ConsensusClientTest : public testing::Test {
 protected:
  CallOptions In(absl::Duration duration) { return {clock_.MonoNow() + duration, nullptr}; }
  CallOptions Soon() { return In(absl::Seconds(60)); }
  static v1::PutRequest Append(const std::string& value) {
    v1::PutRequest request;
    request.set_key("k");
    request.set_value(value);
    return request;
  }

  SystemClock clock_;
  FakeCluster cluster_{3};
  std::unique_ptr<Connection> connection_ = cluster_.Connect(clock_);
  ConsensusClient client_{*connection_};
};

TEST_F(ConsensusClientTest, NoEndpointsAreRefusedNamingTheField) {
  EXPECT_THAT(Connection::Create({}, clock_), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Connection::Create({{"h:1", ""}, std::nullopt}, clock_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ConsensusClientTest, AMutationIsDoneOnceHoweverOftenItHasToBeSent) {
  cluster_.FailBefore("Put", Outcome::kNotDone, Reason::kDropped);
  cluster_.FailAfter("Put", Outcome::kUnknown, Reason::kInterrupted);
  cluster_.FailAfter("Put", Outcome::kUnknown, Reason::kNoAnswer);
  ASSERT_OK(client_.Put(Append("x"), Soon()).status());
  EXPECT_EQ(cluster_.ValueOf("k"), "x");
  EXPECT_EQ(cluster_.Done("Put"), 1);
}

TEST_F(ConsensusClientTest, EachMutationHasItsOwnNumber) {
  ASSERT_OK(client_.Put(Append("x"), Soon()).status());
  ASSERT_OK(client_.Put(Append("x"), Soon()).status());
  EXPECT_EQ(cluster_.ValueOf("k"), "xx");
}

TEST_F(ConsensusClientTest, ARefusalIsTheAnswer) {
  cluster_.FailBefore("Put", Outcome::kRefused, Reason::kInvalid);
  const auto result = client_.Put(Append("x"), Soon());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().outcome, Outcome::kRefused);
  EXPECT_EQ(cluster_.Calls("Put"), 1);
}

TEST_F(ConsensusClientTest, WhomTheClusterForgotTakesANewNumber) {
  cluster_.FailBefore("Put", Outcome::kRefused, Reason::kSessionLost);
  ASSERT_OK(client_.Put(Append("x"), Soon()).status());
  EXPECT_EQ(cluster_.ValueOf("k"), "x");
}

TEST_F(ConsensusClientTest, WhoWasForgottenAfterAnUnknownAttemptIsTold) {
  cluster_.FailBefore("Put", Outcome::kUnknown, Reason::kNoQuorum);
  cluster_.FailBefore("Put", Outcome::kRefused, Reason::kSessionLost);
  const auto result = client_.Put(Append("x"), Soon());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().outcome, Outcome::kUnknown);
}

TEST_F(ConsensusClientTest, WhenNoNodeWasReachedNothingWasDone) {
  for (int i = 0; i < 3; ++i) cluster_.Kill(i);
  const auto result = client_.Put(Append("x"), In(absl::Milliseconds(300)));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().outcome, Outcome::kNotDone);
  EXPECT_EQ(result.failure().reason, Reason::kNoAnswer);
}

TEST_F(ConsensusClientTest, WithoutALeaderNothingWasDone) {
  cluster_.SetLeader(-1);
  const auto result = client_.Put(Append("x"), In(absl::Milliseconds(300)));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().outcome, Outcome::kNotDone);
  EXPECT_GT(cluster_.Calls("Put"), 3);  // It was not for want of trying.
}

TEST_F(ConsensusClientTest, ALeaderThatDoesNotAnswerInTimeLeavesItUnknown) {
  cluster_.Mute(0, true);
  cluster_.Mute(1, true);
  cluster_.Mute(2, true);
  const auto result = client_.Put(Append("x"), In(absl::Milliseconds(300)));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().outcome, Outcome::kUnknown);
  for (int i = 0; i < 3; ++i) cluster_.Mute(i, false);
}

TEST_F(ConsensusClientTest, AChangeOfMembersIsNotSentAgainOnceItMayBeDone) {
  cluster_.SetLeader(1);  // What does not lead does nothing, so that is no end.
  cluster_.FailAfter("AddLearner", Outcome::kUnknown, Reason::kInterrupted);
  const auto result = client_.AddLearner(v1::AddLearnerRequest(), Soon());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.failure().outcome, Outcome::kUnknown);
  EXPECT_EQ(cluster_.Done("AddLearner"), 1);
}

TEST_F(ConsensusClientTest, AChangeOfMembersPassesOverADeadNode) {
  cluster_.SetLeader(1);
  cluster_.Kill(0);
  cluster_.Kill(2);
  EXPECT_OK(client_.AddLearner(v1::AddLearnerRequest(), Soon()).status());
}

TEST_F(ConsensusClientTest, EachNodeIsAskedForItsOwnStatus) {
  for (int i = 0; i < 3; ++i) {
    const auto status = client_.GetStatus(cluster_.endpoint(i), Soon());
    ASSERT_OK(status.status());
    EXPECT_EQ(status->header().node_id(), i + 1);
  }
  cluster_.Kill(1);
  EXPECT_THAT(client_.GetStatus(cluster_.endpoint(1), Soon()).status(),
              StatusIs(absl::StatusCode::kUnavailable));
}

class LeaderWatchTest : public ConsensusClientTest {
 protected:
  std::unique_ptr<Session> Open() {
    SessionOptions options;
    options.ttl = absl::Seconds(20);
    return *Session::Open(*connection_, options, Soon());
  }
  void Start() {
    watch_ = std::make_unique<LeaderWatch>(*connection_, "e", [this](const Leading& leading) {
      absl::MutexLock lock(&mu_);
      if (seen_.empty() || seen_.back() != leading.value) seen_.push_back(leading.value);
    });
  }
  bool Await(const std::string& value) {
    absl::MutexLock lock(&mu_);
    const auto last = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return !seen_.empty() && seen_.back() == value;
    };
    return mu_.AwaitWithTimeout(absl::Condition(&last), absl::Seconds(60));
  }

  absl::Mutex mu_;
  std::vector<std::string> seen_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<LeaderWatch> watch_;
};

TEST_F(LeaderWatchTest, SeesWhoLeadsAndEveryChange) {
  Start();
  ASSERT_TRUE(Await(""));
  const auto a = Open(), b = Open();
  const auto token = a->Campaign("e", "a", Soon());
  ASSERT_TRUE(Await("a"));
  ASSERT_OK(a->Resign("e", *token, 0, Soon()).status());
  ASSERT_TRUE(Await(""));
  ASSERT_OK(b->Campaign("e", "b", Soon()).status());
  EXPECT_TRUE(Await("b"));
}

TEST_F(LeaderWatchTest, GoesOnAfterItsStreamBroke) {
  const auto a = Open(), b = Open();
  ASSERT_OK(a->Campaign("e", "a", Soon()).status());
  Start();
  ASSERT_TRUE(Await("a"));
  cluster_.BreakStreams();
  cluster_.AwaitCalls("Observe", 2);
  cluster_.EndSession(a->id());
  ASSERT_OK(b->Campaign("e", "b", Soon()).status());
  EXPECT_TRUE(Await("b"));
  absl::MutexLock lock(&mu_);
  EXPECT_EQ(seen_.front(), "a");
}

TEST_F(LeaderWatchTest, WithoutAnyNodeNobodyIsKnownToLead) {
  const auto a = Open();
  ASSERT_OK(a->Campaign("e", "a", Soon()).status());
  Start();
  ASSERT_TRUE(Await("a"));
  for (int i = 0; i < 3; ++i) cluster_.Kill(i);
  EXPECT_TRUE(Await(""));
}

}  // namespace
}  // namespace z4j::consensus::client
