// What a schedule asks of its engine against what the connected adapters take.
#include <gmock/gmock.h>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/mutate/decide.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DecideFitTest : public testing::Test {
 protected:
  DecideFitTest() {
    offers_["celery"] = {{{{"time_limit", "number"}}, true, true}};
    offers_["rq"] = {{{{"at_front", "boolean"}}, false, true}};
  }
  static Schedule Of(const std::string& engine, const std::string& option) {
    Schedule schedule = HourlySchedule("a");
    schedule.engine = engine;
    if (!option.empty()) schedule.engine_options[option] = "1";
    return schedule;
  }
  absl::StatusOr<Decision> Try(const StoredSchedule* current, MutationAction action) {
    return Decide(current, ByAnn(std::move(action), ""), {now_, ++revision_, Uuid{{7}}, &offers_});
  }
  // As it was taken before the adapters were connected.
  StoredSchedule Accepted(Schedule schedule) {
    const EngineOffers none;
    auto decision = Decide(nullptr, ByAnn(CreateSchedule{std::move(schedule)}, ""),
                           {now_, ++revision_, Uuid{{7}}, &none});
    EXPECT_OK(decision);
    return *decision->result.schedule;
  }

  EngineOffers offers_;
  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  int64_t revision_ = 0;
  const ScheduleKey key_ = SampleKey("a");
};

TEST_F(DecideFitTest, WhatNoConnectedAdapterTakesIsNotCreated) {
  const auto refused = Try(nullptr, CreateSchedule{Of("celery", "timelimit")});
  EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument, HasSubstr("time_limit")));
  ASSERT_FALSE(FieldViolationsOf(refused.status()).empty());
  EXPECT_EQ(FieldViolationsOf(refused.status())[0].field, "engine_options.timelimit");
  EXPECT_OK(Try(nullptr, CreateSchedule{Of("celery", "time_limit")}));
  EXPECT_OK(Try(nullptr, CreateSchedule{Of("huey", "timelimit")}));  // Nobody knows.
}

TEST_F(DecideFitTest, AnEditIsJudgedByWhatTheScheduleIsThenAndOnlyIfItTouchesThat) {
  StoredSchedule stored = Accepted(Of("celery", "timelimit"));
  Schedule values = stored.schedule;
  values.task = "other";
  EXPECT_OK(Try(&stored, UpdateSchedule{key_, values, {"task"}, ""}));
  values.priority = 5;
  EXPECT_THAT(Try(&stored, UpdateSchedule{key_, values, {"priority"}, ""}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("timelimit")));
  values.engine = "rq";
  values.engine_options = {};
  EXPECT_THAT(
      Try(&stored, UpdateSchedule{key_, values, {"engine", "engine_options", "priority"}, ""}),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("priority")));
  EXPECT_OK(Try(&stored, UpdateSchedule{key_, values, {"engine", "engine_options"}, ""}));
}

TEST_F(DecideFitTest, AScheduleThatNoConnectedAdapterMayTakeIsTakenWithANote) {
  offers_["rq"][0].labels = {{"region", "eu"}};
  offers_["rq"][0].queues = {"mail"};
  Schedule schedule = Of("rq", "");
  schedule.adapter_labels = {{"region", "us"}};
  ASSERT_OK_AND_ASSIGN(const Decision created, Try(nullptr, CreateSchedule{schedule}));
  EXPECT_THAT(created.result.notes,
              ElementsAre(AllOf(HasSubstr("its fires wait"), HasSubstr("label region=us"))));
  // Also when an edit makes it so, and never for one of something else.
  const StoredSchedule stored = *created.result.schedule;
  Schedule values = stored.schedule;
  values.adapter_labels = {{"region", "eu"}};
  values.queue = "reports";
  ASSERT_OK_AND_ASSIGN(const Decision moved,
                       Try(&stored, UpdateSchedule{key_, values, {"adapter_labels", "queue"}, ""}));
  EXPECT_THAT(moved.result.notes, ElementsAre(HasSubstr("queue 'reports'")));
  ASSERT_OK_AND_ASSIGN(const Decision fits,
                       Try(&stored, UpdateSchedule{key_, values, {"adapter_labels"}, ""}));
  EXPECT_THAT(fits.result.notes, IsEmpty());
  ASSERT_OK_AND_ASSIGN(const Decision other,
                       Try(&stored, UpdateSchedule{key_, values, {"task"}, ""}));
  EXPECT_THAT(other.result.notes, IsEmpty());
  schedule.engine = "huey";  // Nobody knows.
  ASSERT_OK_AND_ASSIGN(const Decision unknown, Try(nullptr, CreateSchedule{schedule}));
  EXPECT_THAT(unknown.result.notes, IsEmpty());
}

TEST_F(DecideFitTest, AFireThatWouldBeRejectedIsNotTriggered) {
  StoredSchedule stored = Accepted(Of("celery", "timelimit"));
  EXPECT_THAT(Try(&stored, TriggerSchedule{key_, "", ""}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("engine_options.timelimit")));
  Schedule urgent = Of("rq", "");
  urgent.priority = 5;  // The adapter decides what becomes of that.
  stored = Accepted(urgent);
  EXPECT_OK(Try(&stored, TriggerSchedule{key_, "", ""}));
}

}  // namespace
}  // namespace z4j::scheduler
