#include "services/scheduler/mutate/retry_fire.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/mutate/request.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RetryFireTest : public testing::Test {
 protected:
  RetryFireTest() {
    current_.schedule = HourlySchedule("a");
    current_.schedule.id = {Uuid::FromName({}, "a")};
    retry_.schedule = SampleKey("a");
    retry_.fire.key = {current_.schedule.id, now_ - absl::Hours(5), {}};
    retry_.fire.id = MakeFireId(retry_.fire.key);
    retry_.fire.state = FireState::kFailed;
    retry_.fire.args_json = "[1]";
  }
  absl::StatusOr<Decision> Decided() { return DecideRetry(current_, retry_, {now_, 7, {}}); }

  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  StoredSchedule current_;
  RetryFire retry_;
};

TEST_F(RetryFireTest, ItWritesTheRetryAndSaysSoInTheAuditAndChangesNothingElse) {
  ASSERT_OK_AND_ASSIGN(const Decision decision, Decided());
  const Fire expected = RetryOf(retry_.fire, now_, now_);
  EXPECT_EQ(decision.effect, Decision::Effect::kFireOnly);
  EXPECT_THAT(decision.fires, ElementsAre(expected));
  EXPECT_EQ(decision.result.fire, expected);
  EXPECT_THAT(decision.cancelled, IsEmpty());
  EXPECT_EQ(decision.audit.action, "fire.retry");
  EXPECT_EQ(decision.audit.schedule, current_.schedule.id);
  EXPECT_THAT(decision.audit.resource, HasSubstr(retry_.fire.id.ToString()));
  EXPECT_THAT(decision.audit.after, HasSubstr(expected.id.ToString()));
}

TEST_F(RetryFireTest, OnlyAnEndThatIsBadIsRepeated) {
  for (const FireState state : {FireState::kLost, FireState::kCancelled}) {
    retry_.fire.state = state;
    EXPECT_OK(Decided());
  }
  for (const FireState state : {FireState::kPending, FireState::kDispatched, FireState::kRunning,
                                FireState::kSucceeded, FireState::kSkipped}) {
    retry_.fire.state = state;
    EXPECT_THAT(Decided(), StatusIs(StatusCode::kFailedPrecondition));
  }
}

TEST_F(RetryFireTest, WhatWasRepeatedNamesTheFireThatRepeatsIt) {
  retry_.repeated_by = {Uuid::Random()};
  EXPECT_THAT(Decided(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr(retry_.repeated_by.ToString())));
}

TEST_F(RetryFireTest, AnotherScheduleUnderTheNameOfADeletedOneIsNotTheFires) {
  current_.schedule.id = {Uuid::Random()};
  EXPECT_THAT(Decided(), StatusIs(StatusCode::kNotFound, HasSubstr("deleted")));
}

TEST_F(RetryFireTest, AStoredAnswerComesBackWhole) {
  ASSERT_OK_AND_ASSIGN(const Decision decision, Decided());
  const Mutation mutation = ByAnn(retry_, "r-1");
  Answers given;
  given.Add(mutation, RequestHash({mutation}), decision.result);
  ASSERT_OK_AND_ASSIGN(const Answers stored, Answers::Read(given.Store("r-1", now_)));
  Mutation again = mutation;  // By then it is found to be repeated: the request is the same.
  std::get<RetryFire>(again.action).repeated_by = decision.result.fire->id;
  ASSERT_OK_AND_ASSIGN(const auto result, stored.Find(again, RequestHash({again})));
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->fire, decision.result.fire);
  std::get<RetryFire>(again.action).fire.id = {Uuid::Random()};
  EXPECT_THAT(stored.Find(again, RequestHash({again})), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
