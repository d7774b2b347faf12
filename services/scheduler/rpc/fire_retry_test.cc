// RetryFire: a person repeats a fire that ended badly.
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

class FireRetryTest : public RpcTest {
 protected:
  static constexpr FencingToken kToken{1};

  // A triggered fire of the new schedule `id` that ended in `state`.
  v1::Fire Ended(const std::string& id, FireState state) {
    Created(id);
    return Ended(Triggered(id), state);
  }
  v1::Fire Triggered(const std::string& id) {
    v1::TriggerScheduleRequest trigger;
    trigger.set_name(NameOf(id));
    trigger.set_args_json("[7]");
    trigger.set_kwargs_json(R"({"month":3})");
    const auto response = TriggerSchedule(trigger);
    EXPECT_OK(response);
    return response->fire();
  }
  v1::Fire Ended(const v1::Fire& fire, FireState state) {
    EXPECT_OK(store_.RaiseFence(kToken, "n"));
    FireUpdate update;
    update.id = {*Uuid::Parse(fire.uid())};
    update.state = state;
    update.at = clock_.Now();
    EXPECT_OK(store_.UpdateFires(kToken, {update}, {}));
    v1::GetFireRequest get;
    get.set_name(fire.name());
    return GetFire(get)->fire();
  }
  absl::StatusOr<v1::RetryFireResponse> Retry(const std::string& name,
                                              const std::string& request_id = "") {
    v1::RetryFireRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    return RetryFire(request);
  }
  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    const auto entries = store_.ListAudit(0, 100);
    for (const AuditEntry& entry : *entries) actions.push_back(entry.action);
    return actions;
  }
};

TEST_F(FireRetryTest, AFireThatFailedIsRepeatedAtOnceWithItsArgumentsAndDueTime) {
  const v1::Fire failed = Ended("a", FireState::kFailed);
  EXPECT_EQ(failed.run(), 1);
  EXPECT_EQ(failed.retry_of(), "");
  clock_.Advance(absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(const v1::RetryFireResponse response, Retry(failed.name()));
  const v1::Fire& fire = response.fire();
  EXPECT_NE(fire.uid(), failed.uid());
  EXPECT_EQ(fire.kind(), v1::Fire::KIND_RETRY);
  EXPECT_EQ(fire.state(), v1::Fire::STATE_PENDING);
  EXPECT_EQ(fire.run(), 2);
  EXPECT_EQ(fire.retry_of(), failed.uid());
  EXPECT_EQ(fire.args_json(), "[7]");
  EXPECT_EQ(fire.kwargs_json(), R"({"month":3})");
  EXPECT_EQ(fire.due_time().seconds(), failed.due_time().seconds());
  EXPECT_EQ(fire.dispatch_after_time().seconds(), absl::ToUnixSeconds(clock_.Now()));
  v1::GetFireRequest get;
  get.set_name(fire.name());
  ASSERT_OK_AND_ASSIGN(const v1::GetFireResponse read, GetFire(get));
  EXPECT_EQ(read.fire().DebugString(), fire.DebugString());
  ASSERT_OK_AND_ASSIGN(const std::vector<PendingFire> pending, store_.LoadPending(0, 10));
  EXPECT_THAT(pending, testing::SizeIs(1));
}

TEST_F(FireRetryTest, TheAuditSaysWhoRepeatedWhat) {
  const v1::Fire failed = Ended("a", FireState::kLost);
  ASSERT_OK_AND_ASSIGN(const v1::RetryFireResponse response, Retry(failed.name()));
  ASSERT_THAT(Actions(), ElementsAre("schedule.create", "schedule.trigger", "fire.retry"));
  ASSERT_OK_AND_ASSIGN(const std::vector<AuditEntry> entries, store_.ListAudit(2, 1));
  EXPECT_EQ(entries[0].actor, "test:ann");
  EXPECT_EQ(entries[0].resource, "projects/default/fires/" + failed.uid());
  EXPECT_THAT(entries[0].after, HasSubstr(response.fire().uid()));
  EXPECT_EQ(entries[0].schedule.ToString(), failed.schedule_uid());
}

TEST_F(FireRetryTest, OnlyWhatFailedWasLostOrCancelledIsRepeated) {
  EXPECT_OK(Retry(Ended("a", FireState::kCancelled).name()));
  for (const auto& [id, state] : {std::pair{"b", FireState::kSucceeded},
                                  {"c", FireState::kSkipped},
                                  {"d", FireState::kRunning},
                                  {"e", FireState::kDispatched}}) {
    EXPECT_THAT(Retry(Ended(id, state).name()), StatusIs(StatusCode::kFailedPrecondition)) << id;
  }
  Created("f");
  EXPECT_THAT(Retry(Triggered("f").name()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("has not ended")));
  EXPECT_THAT(Actions(), testing::Contains("fire.retry").Times(1));
}

TEST_F(FireRetryTest, AFireIsRepeatedOnceAndItsRetryInTurn) {
  const v1::Fire failed = Ended("a", FireState::kFailed);
  ASSERT_OK_AND_ASSIGN(const v1::RetryFireResponse first, Retry(failed.name(), "r-1"));
  EXPECT_THAT(Retry(failed.name(), "r-2"),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr(first.fire().uid())));
  Ended(first.fire(), FireState::kFailed);
  ASSERT_OK_AND_ASSIGN(const v1::RetryFireResponse second, Retry(first.fire().name()));
  EXPECT_EQ(second.fire().run(), 3);
  EXPECT_EQ(second.fire().retry_of(), first.fire().uid());
}

TEST_F(FireRetryTest, TheSameRequestIdIsAnsweredAgainAndDoesNothingTwice) {
  const v1::Fire failed = Ended("a", FireState::kFailed);
  ASSERT_OK_AND_ASSIGN(const v1::RetryFireResponse first, Retry(failed.name(), "r-1"));
  clock_.Advance(absl::Minutes(1));
  ASSERT_OK_AND_ASSIGN(const v1::RetryFireResponse again, Retry(failed.name(), "r-1"));
  EXPECT_EQ(again.fire().DebugString(), first.fire().DebugString());
  EXPECT_THAT(Actions(), testing::Contains("fire.retry").Times(1));
  const v1::Fire other = Ended("b", FireState::kFailed);
  EXPECT_THAT(Retry(other.name(), "r-1"), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(FireRetryTest, WhileTheScheduleIsPausedItIsRepeatedAllTheSame) {
  const v1::Fire failed = Ended("a", FireState::kFailed);
  v1::PauseScheduleRequest pause;
  pause.set_name(NameOf("a"));
  ASSERT_OK(PauseSchedule(pause));
  EXPECT_OK(Retry(failed.name()));
}

TEST_F(FireRetryTest, WhatIsGoneIsNotFound) {
  EXPECT_THAT(Retry(NameOf("a") + "/fires/" + Uuid::Random().ToString()),
              StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Retry("nonsense"), StatusIs(StatusCode::kInvalidArgument));
  const v1::Fire failed = Ended("a", FireState::kFailed);
  v1::DeleteScheduleRequest erase;
  erase.set_name(NameOf("a"));
  ASSERT_OK(DeleteSchedule(erase));
  EXPECT_THAT(Retry(failed.name()), StatusIs(StatusCode::kNotFound));
  Created("a");  // Another one under its name.
  EXPECT_THAT(Retry(failed.name()), StatusIs(StatusCode::kNotFound, HasSubstr("deleted")));
}

TEST_F(FireRetryTest, APolicyForRunsComesBackWithItsDefaultsAndIsChangedAsAWhole) {
  v1::CreateScheduleRequest request = NewSchedule("a");
  request.mutable_schedule()->mutable_run_retry()->set_max_attempts(3);
  ASSERT_OK_AND_ASSIGN(const v1::CreateScheduleResponse created, CreateSchedule(request));
  const v1::RunRetry& retry = created.schedule().run_retry();
  EXPECT_EQ(retry.max_attempts(), 3);
  EXPECT_EQ(retry.initial_backoff().seconds(), 10);
  EXPECT_EQ(retry.backoff_multiplier(), 2);
  EXPECT_EQ(retry.max_backoff().seconds(), 3600);
  EXPECT_THAT(retry.on(), ElementsAre(v1::RUN_END_FAILED));
  EXPECT_EQ(retry.on_lost(), v1::ON_LOST_HOLD);
  EXPECT_FALSE(Created("b").has_run_retry());
  v1::UpdateScheduleRequest update;
  update.mutable_schedule()->set_name(NameOf("a"));
  update.mutable_update_mask()->add_paths("run_retry");
  ASSERT_OK_AND_ASSIGN(const v1::UpdateScheduleResponse off, UpdateSchedule(update));
  EXPECT_FALSE(off.schedule().has_run_retry());
  EXPECT_EQ(off.schedule().task(), "mail.send");
}

TEST_F(FireRetryTest, ABadPolicyIsRefusedByTheNameOfItsField) {
  v1::CreateScheduleRequest request = NewSchedule("a");
  v1::RunRetry& retry = *request.mutable_schedule()->mutable_run_retry();
  retry.set_max_attempts(101);
  retry.set_backoff_multiplier(11);
  retry.add_on(v1::RUN_END_UNSPECIFIED);
  retry.set_on_lost(static_cast<v1::OnLost>(77));
  std::vector<std::string> fields;
  const auto refused = CreateSchedule(request).status();
  for (const FieldViolation& fault : FieldViolationsOf(refused)) fields.push_back(fault.field);
  EXPECT_THAT(fields, testing::UnorderedElementsAre("schedule.run_retry.on[0]",
                                                    "schedule.run_retry.on_lost"));
  retry.clear_on();
  retry.clear_on_lost();
  fields.clear();
  for (const FieldViolation& fault : FieldViolationsOf(CreateSchedule(request).status())) {
    fields.push_back(fault.field);
  }
  EXPECT_THAT(fields, testing::UnorderedElementsAre("schedule.run_retry.max_attempts",
                                                    "schedule.run_retry.backoff_multiplier"));
}

}  // namespace
}  // namespace z4j::scheduler
