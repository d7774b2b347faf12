#include "services/consensus/client/pursuit.h"

#include <gtest/gtest.h>

#include <optional>

#include "services/consensus/client/request_ids.h"

namespace z4j::consensus::client {
namespace {

constexpr uint64_t kSeed = 7;

Failure Of(Outcome outcome, Reason reason) {
  return {.outcome = outcome, .reason = reason, .status = absl::UnknownError("x")};
}
const Failure kNotLeader = Of(Outcome::kNotDone, Reason::kNotLeader);
const Failure kGone = Of(Outcome::kUnknown, Reason::kNoAnswer);
const Failure kInterrupted = Of(Outcome::kUnknown, Reason::kInterrupted);

class PursuitTest : public testing::Test {
 protected:
  // How long to wait before it is sent again; none: it is over.
  std::optional<absl::Duration> Wait(const Failure& failure, bool hinted = false) {
    const Pursuit::Next next = pursuit_.Failed(failure, hinted);
    const auto* wait = std::get_if<absl::Duration>(&next);
    return wait == nullptr ? std::nullopt : std::optional(*wait);
  }
  Failure End(Pursuit& pursuit, const Failure& failure) {
    return std::get<Failure>(pursuit.Failed(failure, false));
  }

  Pursuit pursuit_{Repeat::kHarmless, 3, kSeed};
};

TEST_F(PursuitTest, AsksEachNodeOnceBeforeItWaits) {
  EXPECT_EQ(Wait(kNotLeader), absl::ZeroDuration());
  EXPECT_EQ(Wait(kGone), absl::ZeroDuration());
  absl::Duration longest;
  for (int i = 0; i < 100; ++i) {
    const std::optional<absl::Duration> wait = Wait(kNotLeader);
    ASSERT_TRUE(wait.has_value());
    EXPECT_GE(*wait, kBackoffMin);
    EXPECT_LE(*wait, i == 0 ? kBackoffMin : kBackoffMax);
    longest = std::max(longest, *wait);
  }
  EXPECT_GT(longest, kBackoffMax / 2);
}

TEST_F(PursuitTest, FollowsAHintAtOnce) {
  for (int i = 0; i < 5; ++i) Wait(kNotLeader);
  EXPECT_EQ(Wait(kNotLeader, true), absl::ZeroDuration());
}

TEST_F(PursuitTest, SendsAgainWhatNobodyKnowsAbout) {
  EXPECT_TRUE(Wait(kInterrupted).has_value());
  EXPECT_TRUE(Wait(Of(Outcome::kUnknown, Reason::kNoQuorum)).has_value());
  EXPECT_TRUE(Wait(Of(Outcome::kUnknown, Reason::kLimit)).has_value());
}

TEST_F(PursuitTest, WhatIsRefusedIsOver) {
  EXPECT_EQ(Wait(Of(Outcome::kRefused, Reason::kTokenMismatch)), std::nullopt);
  EXPECT_EQ(Wait(Of(Outcome::kNotDone, Reason::kLimit)), std::nullopt);
  EXPECT_EQ(Wait(Of(Outcome::kNotDone, Reason::kChangeInProgress)), std::nullopt);
}

TEST_F(PursuitTest, WhatMustNotBeDoneTwiceIsSentAgainOnlyIfItWasNotDone) {
  Pursuit once(Repeat::kIfNotDone, 3, kSeed);
  EXPECT_TRUE(std::holds_alternative<absl::Duration>(once.Failed(kNotLeader, false)));
  const Failure unsent = Of(Outcome::kNotDone, Reason::kNoAnswer);
  EXPECT_TRUE(std::holds_alternative<absl::Duration>(once.Failed(unsent, false)));
  EXPECT_EQ(End(once, kInterrupted).outcome, Outcome::kUnknown);
}

TEST_F(PursuitTest, GivenUpItIsUnknownOnlyIfAnAttemptWas) {
  Wait(kNotLeader);
  EXPECT_EQ(pursuit_.GiveUp(Reason::kNoAnswer, absl::OkStatus()).outcome, Outcome::kNotDone);
  Wait(kGone);
  Wait(kNotLeader);
  EXPECT_EQ(pursuit_.GiveUp(Reason::kNoAnswer, absl::OkStatus()).outcome, Outcome::kUnknown);
}

TEST_F(PursuitTest, TheEndOfTheSessionDoesNotSayThatAnEarlierAttemptWasNotDone) {
  const Failure lost = Of(Outcome::kRefused, Reason::kSessionLost);
  Pursuit first(Repeat::kHarmless, 3, kSeed);
  EXPECT_EQ(End(first, lost).outcome, Outcome::kRefused);
  Wait(kInterrupted);
  EXPECT_EQ(End(pursuit_, lost).outcome, Outcome::kUnknown);
  EXPECT_EQ(End(pursuit_, lost).reason, Reason::kSessionLost);
}

TEST_F(PursuitTest, WhatAForgottenClientSentOnceWasNotDoneThoughTheClusterCannotKnow) {
  const Failure forgotten = Of(Outcome::kUnknown, Reason::kSessionLost);
  EXPECT_EQ(End(pursuit_, forgotten).outcome, Outcome::kRefused);
}

TEST_F(PursuitTest, ABoundThatWasMetDoesNotSayItEither) {
  Wait(kInterrupted);
  EXPECT_EQ(End(pursuit_, Of(Outcome::kNotDone, Reason::kLimit)).outcome, Outcome::kUnknown);
}

TEST_F(PursuitTest, ARefusalThatWasDecidedSpeaksForEarlierAttempts) {
  Wait(kInterrupted);
  const Failure mismatch = Of(Outcome::kRefused, Reason::kTokenMismatch);
  EXPECT_EQ(End(pursuit_, mismatch).outcome, Outcome::kRefused);
}

TEST(RequestIdsTest, TheOldestUnderWayIsTheFirstOutstanding) {
  RequestIds ids;
  EXPECT_EQ(ids.Begin(), (RequestNumber{1, 1}));
  EXPECT_EQ(ids.Begin(), (RequestNumber{2, 1}));
  ids.End(1);
  EXPECT_EQ(ids.Begin(), (RequestNumber{3, 2}));
  ids.End(2);
  ids.End(3);
  EXPECT_TRUE(ids.idle());
  EXPECT_EQ(ids.Begin(), (RequestNumber{4, 4}));
}

TEST(RequestIdsTest, NoneIsBegunTooFarAheadOfTheOldest) {
  RequestIds ids;
  ASSERT_EQ(ids.Begin()->sequence, 1);
  for (uint64_t i = 0; i < kOutstandingMax; ++i) ids.End(ids.Begin().value().sequence);
  EXPECT_EQ(ids.Begin(), std::nullopt);
  ids.End(1);
  EXPECT_EQ(ids.Begin()->sequence, kOutstandingMax + 2);
}

}  // namespace
}  // namespace z4j::consensus::client
