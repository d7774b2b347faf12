#include "services/consensus/admission/connection_limiter.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/base/retry_after.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::consensus {
namespace {

class ConnectionLimiterTest : public testing::Test {
 protected:
  bool Admits(const std::string& source) { return limiter_.Admit(source, now_).ok(); }
  // Fails as often as is allowed, and once more.
  void GetBanned(const std::string& source) {
    for (int i = 0; i < kFailedGreetingsPerMinute; ++i) {
      ASSERT_TRUE(Admits(source));
      ASSERT_FALSE(limiter_.Refused(source, now_));
    }
    ASSERT_TRUE(Admits(source));
    ASSERT_TRUE(limiter_.Refused(source, now_));
  }
  void Pass(absl::Duration time) { now_ = now_ + time; }

  ConnectionLimiter limiter_;
  MonoTime now_{absl::Hours(100)};
};

TEST_F(ConnectionLimiterTest, WhoFailsTooOftenIsBannedAndFreeAgainLater) {
  GetBanned("evil");
  const absl::Status refused = limiter_.Admit("evil", now_);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(RetryAfterOf(refused), kBannedTryEvery);
  EXPECT_TRUE(Admits("other"));
  Pass(kSourceBan);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Admits("evil"));
}

TEST_F(ConnectionLimiterTest, ABannedOneMayTryNowAndThen) {
  GetBanned("evil");
  int tries = 0;
  for (absl::Duration t; t < kSourceBan; t += absl::Milliseconds(100)) {
    if (Admits("evil")) {
      ++tries;
      EXPECT_FALSE(limiter_.Refused("evil", now_));  // It is banned already.
    }
    Pass(absl::Milliseconds(100));
  }
  EXPECT_EQ(tries, kSourceBan / kBannedTryEvery - 1);
}

// A node whose wrong secret was corrected.
TEST_F(ConnectionLimiterTest, SuccessLiftsTheBan) {
  GetBanned("node");
  Pass(kBannedTryEvery);
  ASSERT_TRUE(Admits("node"));
  limiter_.Greeted("node", now_);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(Admits("node"));
    limiter_.Greeted("node", now_);
  }
}

TEST_F(ConnectionLimiterTest, AFewFailuresAMinuteBanNobody) {
  for (int minute = 0; minute < 60; ++minute) {
    for (int i = 0; i < kFailedGreetingsPerMinute; ++i) {
      ASSERT_TRUE(Admits("clumsy"));
      ASSERT_FALSE(limiter_.Refused("clumsy", now_));
    }
    Pass(absl::Minutes(1));
  }
}

TEST_F(ConnectionLimiterTest, AllStrangersTogetherHaveALimitThatNoNodeMeets) {
  limiter_.Greeted("node", now_);
  int admitted = 0;
  for (int i = 0; i < 2 * kStrangersPerMinute; ++i) admitted += Admits(absl::StrCat("bot", i));
  EXPECT_EQ(admitted, kStrangersPerMinute);
  EXPECT_FALSE(Admits("somebody"));
  EXPECT_TRUE(Admits("node"));
  Pass(absl::Minutes(1));
  EXPECT_TRUE(Admits("somebody"));
  Pass(kSourceTrustedFor);  // The node has not been seen for long: it is a stranger.
  for (int i = 0; i < kStrangersPerMinute; ++i) Admits(absl::StrCat("bot", i));
  EXPECT_FALSE(Admits("node"));
}

TEST_F(ConnectionLimiterTest, RemembersABoundedNumberAndNodesLongest) {
  limiter_.Greeted("node", now_);
  for (size_t i = 0; i < 2 * kSourcesMax; ++i) {
    Pass(absl::Milliseconds(1));
    limiter_.Refused(absl::StrCat("bot", i), now_);
  }
  EXPECT_LE(limiter_.size(), kSourcesMax);
  for (int i = 0; i < 2 * kStrangersPerMinute; ++i) Admits("bot");
  EXPECT_TRUE(Admits("node"));
}

}  // namespace
}  // namespace z4j::consensus
