#include "services/scheduler/core/run_retry.h"

#include <gtest/gtest.h>

#include <set>

#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using State = FireState;
using Reason = FireReason;

Fire Failed() {
  Fire fire;
  fire.key = {{Uuid::FromName({}, "schedule")}, Utc("2026-03-29 01:00:00"), {}};
  fire.id = MakeFireId(fire.key);
  fire.state = State::kFailed;
  fire.args_json = "[1]";
  fire.kwargs_json = R"({"a":2})";
  fire.error = "boom";
  fire.attempts = 3;
  return fire;
}

TEST(RunRetryTest, IsOffUnlessMoreThanOneRunIsAllowed) {
  for (const int max_attempts : {0, 1}) {
    EXPECT_FALSE(
        IsRepeated({.max_attempts = max_attempts}, 1, State::kFailed, Reason::kTaskFailed));
  }
  EXPECT_TRUE(IsRepeated({.max_attempts = 2}, 1, State::kFailed, Reason::kTaskFailed));
}

TEST(RunRetryTest, RepeatsUntilThereWereMaxAttemptsRuns) {
  const RunRetry policy = {.max_attempts = 3};
  EXPECT_TRUE(IsRepeated(policy, 2, State::kFailed, Reason::kTaskFailed));
  EXPECT_FALSE(IsRepeated(policy, 3, State::kFailed, Reason::kTaskFailed));
}

TEST(RunRetryTest, RepeatsOnlyTheEndsThatItNames) {
  RunRetry policy = {.max_attempts = 9};
  EXPECT_TRUE(IsRepeated(policy, 1, State::kFailed, Reason::kNone));
  EXPECT_FALSE(IsRepeated(policy, 1, State::kFailed, Reason::kExpiredInQueue));
  policy.on = {RunEnd::kExpiredInQueue};
  EXPECT_FALSE(IsRepeated(policy, 1, State::kFailed, Reason::kTaskFailed));
  EXPECT_TRUE(IsRepeated(policy, 1, State::kFailed, Reason::kExpiredInQueue));
}

TEST(RunRetryTest, NeverRepeatsWhatWasCancelledSucceededOrNeverRan) {
  const RunRetry policy = {.max_attempts = 9,
                           .on = {RunEnd::kFailed, RunEnd::kExpiredInQueue},
                           .on_lost = OnLost::kRetry};
  EXPECT_FALSE(IsRepeated(policy, 1, State::kSucceeded, Reason::kNone));
  EXPECT_FALSE(IsRepeated(policy, 1, State::kCancelled, Reason::kUserCancelled));
  EXPECT_FALSE(IsRepeated(policy, 1, State::kSkipped, Reason::kExpired));
  EXPECT_FALSE(IsRepeated(policy, 1, State::kFailed, Reason::kRejected));
  EXPECT_FALSE(IsRepeated(policy, 1, State::kFailed, Reason::kEngineUnavailable));
}

TEST(RunRetryTest, ALostRunStaysIsRepeatedOrFailsAsOnLostSays) {
  RunRetry policy = {.max_attempts = 9};
  EXPECT_EQ(EndUnder(policy, State::kLost), State::kLost);
  EXPECT_FALSE(IsRepeated(policy, 1, State::kLost, Reason::kWorkerLost));
  policy.on_lost = OnLost::kRetry;
  EXPECT_EQ(EndUnder(policy, State::kLost), State::kLost);
  EXPECT_TRUE(IsRepeated(policy, 1, State::kLost, Reason::kWorkerLost));
  policy.on_lost = OnLost::kFail;
  EXPECT_EQ(EndUnder(policy, State::kLost), State::kFailed);
  EXPECT_FALSE(IsRepeated(policy, 1, State::kFailed, Reason::kWorkerLost));
  EXPECT_EQ(EndUnder(policy, State::kSucceeded), State::kSucceeded);
}

TEST(RunRetryTest, WaitsGrowByTheMultiplierUpToTheLongest) {
  const RunRetry policy = {.max_attempts = 100,
                           .initial_backoff = absl::Seconds(10),
                           .backoff_multiplier = 3,
                           .max_backoff = absl::Seconds(100)};
  EXPECT_EQ(BackoffBefore(policy, 2), absl::Seconds(10));
  EXPECT_EQ(BackoffBefore(policy, 3), absl::Seconds(30));
  EXPECT_EQ(BackoffBefore(policy, 4), absl::Seconds(90));
  EXPECT_EQ(BackoffBefore(policy, 5), absl::Seconds(100));
  EXPECT_EQ(BackoffBefore(policy, 100), absl::Seconds(100));
}

TEST(RunRetryTest, WaitsAreWholeMicroseconds) {
  const RunRetry policy = {.initial_backoff = absl::Microseconds(10'001),
                           .backoff_multiplier = 1.3};
  for (int run = 2; run < 20; ++run) {
    EXPECT_EQ(BackoffBefore(policy, run) % absl::Microseconds(1), absl::ZeroDuration()) << run;
  }
}

TEST(RunRetryTest, ARetryIsAnotherFireOfTheSameDueTimeWithTheSameArguments) {
  const Fire first = Failed();
  const absl::Time now = Utc("2026-03-29 02:00:00"), at = now + absl::Seconds(10);
  const Fire retry = RetryOf(first, at, now);
  EXPECT_EQ(retry.kind, FireKind::kRetry);
  EXPECT_EQ(retry.state, State::kPending);
  EXPECT_EQ(retry.run, 2);
  EXPECT_EQ(retry.retry_of, first.id);
  EXPECT_EQ(retry.key.schedule, first.key.schedule);
  EXPECT_EQ(retry.key.due_at, first.key.due_at);
  EXPECT_EQ(retry.first_due_at, first.key.due_at);
  EXPECT_FALSE(retry.key.trigger.is_zero());
  EXPECT_EQ(retry.id, MakeFireId(retry.key));
  EXPECT_EQ(retry.dispatch_after, at);
  EXPECT_EQ(retry.decided_at, now);
  EXPECT_EQ(retry.args_json, "[1]");
  EXPECT_EQ(retry.kwargs_json, R"({"a":2})");
  EXPECT_EQ(retry.attempts, 0);
  EXPECT_TRUE(retry.error.empty());
}

TEST(RunRetryTest, WhoeverMakesTheRetryOfAFireMakesTheSameOne) {
  const Fire first = Failed();
  const absl::Time now = Utc("2026-03-29 02:00:00");
  const Fire one = RetryOf(first, now, now);
  const Fire other = RetryOf(first, now + absl::Hours(1), now + absl::Hours(2));
  EXPECT_EQ(one.key, other.key);
  EXPECT_EQ(one.id, other.id);
}

TEST(RunRetryTest, EachRunHasItsOwnId) {
  Fire fire = Failed();
  std::set<FireId> ids = {fire.id};
  for (int run = 2; run <= 100; ++run) {
    fire = RetryOf(fire, fire.key.due_at, fire.key.due_at);
    EXPECT_EQ(fire.run, run);
    EXPECT_TRUE(ids.insert(fire.id).second) << run;
  }
}

}  // namespace
}  // namespace z4j::scheduler
