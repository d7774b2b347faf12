#include "services/consensus/client/keep_alive.h"

#include <gtest/gtest.h>

#include "services/base/testing/simulated_clock.h"
#include "services/consensus/client/limits.h"

namespace z4j::consensus::client {
namespace {

using Act = KeepAlive::Act;

constexpr absl::Duration kTtl = absl::Milliseconds(400);

class KeepAliveTest : public testing::Test {
 protected:
  MonoTime now() { return clock_.MonoNow(); }
  Act Next() { return keep_alive_.Next(now()).act; }
  // Does as it says, up to the next sign of life, which leaves on a stream.
  MonoTime Sign() {
    if (Next() == Act::kDial) keep_alive_.Dialed(now());
    EXPECT_EQ(Next(), Act::kSign);
    keep_alive_.Signed(now());
    return now();
  }
  void Advance(absl::Duration by) { clock_.Advance(by); }

  SimulatedClock clock_{absl::UnixEpoch()};
  KeepAlive keep_alive_{kTtl, 3, 1};
};

TEST_F(KeepAliveTest, SignsAtOnceAndThenEveryQuarterOfTheTtl) {
  Sign();
  keep_alive_.Answered(false, kTtl);
  const KeepAlive::Step step = keep_alive_.Next(now());
  EXPECT_EQ(step.act, Act::kWait);
  EXPECT_EQ(step.at, now() + kTtl / 4);
  Advance(kTtl / 4);
  Sign();
}

TEST_F(KeepAliveTest, TrustsFromWhenTheAnsweredSignWasSentAndNotFromItsAnswer) {
  const MonoTime sent = Sign();
  EXPECT_EQ(keep_alive_.trusted_until(), std::nullopt);
  Advance(absl::Milliseconds(70));
  keep_alive_.Answered(false, kTtl);
  EXPECT_EQ(keep_alive_.trusted_until(), sent + kTtl - kTtl / 10);
}

TEST_F(KeepAliveTest, AnswersBelongToSignsInTheirOrder) {
  const MonoTime first = Sign();
  Advance(kTtl / 4);
  const MonoTime second = Sign();
  keep_alive_.Answered(false, kTtl);
  EXPECT_EQ(keep_alive_.trusted_until(), TrustedUntil(first, kTtl));
  keep_alive_.Answered(false, kTtl);
  EXPECT_EQ(keep_alive_.trusted_until(), TrustedUntil(second, kTtl));
}

TEST_F(KeepAliveTest, TheMarginOfAShortTtlHasAFloor) {
  EXPECT_EQ(TrustedUntil(now(), absl::Milliseconds(100)),
            now() + absl::Milliseconds(100) - kTrustMarginMin);
}

TEST_F(KeepAliveTest, TheTtlThatHoldsIsTheClustersOne) {
  const MonoTime sent = Sign();
  keep_alive_.Answered(false, absl::Seconds(2));
  EXPECT_EQ(keep_alive_.trusted_until(), TrustedUntil(sent, absl::Seconds(2)));
  EXPECT_EQ(keep_alive_.Next(now()).at, now() + kTtl / 4);
}

TEST_F(KeepAliveTest, ABrokenStreamEndsTheTrustUntilAnotherAnswer) {
  Sign();
  keep_alive_.Answered(false, kTtl);
  Advance(absl::Milliseconds(10));
  keep_alive_.Ended(now(), false);
  EXPECT_EQ(keep_alive_.trusted_until(), std::nullopt);
  EXPECT_FALSE(keep_alive_.lost());
  const MonoTime sent = Sign();
  keep_alive_.Answered(false, kTtl);
  EXPECT_EQ(keep_alive_.trusted_until(), TrustedUntil(sent, kTtl));
}

TEST_F(KeepAliveTest, AnAnswerToASignOfTheBrokenStreamIsNotOneToTheNext) {
  Sign();
  Advance(absl::Milliseconds(10));
  keep_alive_.Ended(now(), false);
  const MonoTime sent = Sign();
  keep_alive_.Answered(false, kTtl);
  EXPECT_EQ(keep_alive_.trusted_until(), TrustedUntil(sent, kTtl));
}

TEST_F(KeepAliveTest, ASilentNodeIsLeftAfterHalfATtl) {
  Sign();
  Advance(kTtl / 4);
  Sign();
  Advance(kTtl / 4);
  EXPECT_EQ(Next(), Act::kDrop);
  keep_alive_.Dropped();
  EXPECT_EQ(Next(), Act::kWait);
  keep_alive_.Ended(now(), false);
  EXPECT_EQ(Next(), Act::kDial);
}

TEST_F(KeepAliveTest, AskedEachNodeOnceItWaitsLongerAndLonger) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Next(), Act::kDial);
    keep_alive_.Dialed(now());
    keep_alive_.Ended(now(), false);
  }
  const KeepAlive::Step step = keep_alive_.Next(now());
  EXPECT_EQ(step.act, Act::kWait);
  EXPECT_EQ(step.at, now() + kBackoffMin);
  keep_alive_.Ended(now(), true);  // A hint is followed at once.
  EXPECT_EQ(Next(), Act::kDial);
}

TEST_F(KeepAliveTest, ANodeThatEndsEachStreamAfterOneAnswerIsNotDialedAllTheTime) {
  absl::Duration waited;
  for (int i = 0; i < 10; ++i) {
    const KeepAlive::Step step = keep_alive_.Next(now());
    if (step.act == Act::kWait) {
      waited += step.at - now();
      Advance(step.at - now());
    }
    Sign();
    keep_alive_.Answered(false, kTtl);
    keep_alive_.Ended(now(), false);
  }
  EXPECT_GE(waited, 7 * kBackoffMin);
}

TEST_F(KeepAliveTest, ALostSessionIsNeitherTrustedNorKept) {
  Sign();
  keep_alive_.Answered(true, kTtl);
  EXPECT_TRUE(keep_alive_.lost());
  EXPECT_EQ(keep_alive_.trusted_until(), std::nullopt);
  EXPECT_EQ(Next(), Act::kRest);
  keep_alive_.Ended(now(), false);
  EXPECT_EQ(Next(), Act::kRest);
}

TEST_F(KeepAliveTest, AfterAFreezeOneSignIsSentAndTheOldTrustIsOver) {
  Sign();
  keep_alive_.Answered(false, kTtl);
  Advance(absl::Minutes(5));
  ASSERT_TRUE(keep_alive_.trusted_until().has_value());
  EXPECT_LT(*keep_alive_.trusted_until(), now());
  Sign();
  EXPECT_EQ(Next(), Act::kWait);
}

}  // namespace
}  // namespace z4j::consensus::client
