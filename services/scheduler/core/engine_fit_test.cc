#include "services/scheduler/core/engine_fit.h"

#include <gmock/gmock.h>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const EngineOffers kOffers = {
    {"celery",
     {{{{"time_limit", "number"}, {"serializer", "string"}, {"countdown", "integer"}},
       true,
       true}}},
    {"rq", {{{{"at_front", "boolean"}}, false, true}}},
    {"own", {{{}, false, false}}}};

Schedule Of(const std::string& engine, std::map<std::string, std::string> options = {}) {
  Schedule schedule;
  schedule.engine = engine;
  schedule.engine_options = std::move(options);
  return schedule;
}

TEST(EngineFitTest, WhatIsDeclaredIsTaken) {
  Schedule schedule = Of("celery", {{"time_limit", "1.5"}, {"countdown", "3"}});
  schedule.priority = -5;
  schedule.expires = absl::Minutes(1);
  EXPECT_OK(CheckEngineFit(schedule, kOffers));
}

TEST(EngineFitTest, AMisspelledOptionIsNamedWithTheOneThatMayHaveBeenMeantAndAllThereAre) {
  const absl::Status status = CheckEngineFit(Of("celery", {{"timelimit", "30"}}), kOffers);
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  ASSERT_THAT(FieldViolationsOf(status), SizeIs(1));
  EXPECT_EQ(FieldViolationsOf(status)[0].field, "engine_options.timelimit");
  EXPECT_THAT(FieldViolationsOf(status)[0].description,
              AllOf(HasSubstr("did you mean 'time_limit'?"), HasSubstr("serializer (string)"),
                    HasSubstr("countdown (integer)")));
}

TEST(EngineFitTest, WhatResemblesNothingGetsNoSuggestion) {
  const absl::Status status = CheckEngineFit(Of("rq", {{"routing_key", "\"x\""}}), kOffers);
  EXPECT_THAT(status.message(), Not(HasSubstr("did you mean")));
  EXPECT_THAT(status.message(), HasSubstr("at_front (boolean)"));
}

TEST(EngineFitTest, AValueOfAnotherTypeIsRefused) {
  for (const char* value : {"\"5\"", "5.5", "null", "{}"}) {
    EXPECT_THAT(CheckEngineFit(Of("celery", {{"countdown", value}}), kOffers),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("must be a JSON integer")))
        << value;
  }
}

TEST(EngineFitTest, PriorityAndExpiryAreRefusedWhereTheyHaveNoEffect) {
  Schedule schedule = Of("own");
  schedule.priority = 5;
  schedule.expires = absl::Minutes(1);
  const absl::Status status = CheckEngineFit(schedule, kOffers);
  ASSERT_THAT(FieldViolationsOf(status), SizeIs(2));
  EXPECT_EQ(FieldViolationsOf(status)[0].field, "priority");
  EXPECT_EQ(FieldViolationsOf(status)[1].field, "expires");
  schedule.engine = "rq";
  EXPECT_THAT(FieldViolationsOf(CheckEngineFit(schedule, kOffers)), SizeIs(1));
}

TEST(EngineFitTest, OneInstanceThatTakesAllOfItIsEnoughAndSeveralDoNotAddUp) {
  const EngineOffers offers = {
      {"taskiq",
       {{{{"a", "string"}, {"b", "string"}}, false, true}, {{{"a", "string"}}, true, true}}}};
  Schedule schedule = Of("taskiq", {{"a", "\"x\""}});
  schedule.priority = 1;
  EXPECT_OK(CheckEngineFit(schedule, offers));
  schedule.engine_options["b"] = "\"x\"";
  EXPECT_THAT(CheckEngineFit(schedule, offers), StatusIs(StatusCode::kInvalidArgument));
}

// One instance in Europe for two queues, one in America that knows an option.
const EngineOffers kPlaces = {
    {"rq",
     {{{{"a", "string"}}, false, false, {"mail", "reports"}, {{"region", "eu"}, {"tier", "gold"}}},
      {{{"b", "string"}}, false, false, {}, {{"region", "us"}}}}}};

TEST(EngineFitTest, AQueueAndLabelsThatOneInstanceHasAreServed) {
  EXPECT_EQ(WhyNobody({"rq"}, kPlaces), "");
  EXPECT_EQ(WhyNobody({"rq", "mail", {{"region", "eu"}}}, kPlaces), "");
  EXPECT_EQ(WhyNobody({"rq", "anything", {{"region", "us"}}}, kPlaces), "");
}

TEST(EngineFitTest, WhatNoInstanceHasIsSaidWithAWayOut) {
  EXPECT_EQ(WhyNobody({"huey"}, kPlaces), "no adapter for huey is connected");
  EXPECT_EQ(WhyNobody({"rq", "", {{"region", "asia"}}}, kPlaces),
            "no connected adapter for rq has the label region=asia; start one that does, or change "
            "the schedule");
  EXPECT_THAT(WhyNobody({"rq", "mail", {{"region", "us"}, {"tier", "gold"}}}, kPlaces),
              HasSubstr("has the labels region=us, tier=gold;"));
  // Each is there, but not in one place.
  EXPECT_THAT(WhyNobody({"rq", "other", {{"region", "eu"}}}, kPlaces),
              HasSubstr("publishes to queue 'other' and has the label region=eu;"));
  EngineOffers bound = kPlaces;
  bound["rq"].pop_back();
  EXPECT_THAT(WhyNobody({"rq", "other"}, bound), HasSubstr("publishes to queue 'other';"));
}

TEST(EngineFitTest, OneThatIsBeingStoppedTakesNothingMore) {
  EngineOffers leaving = kPlaces;
  leaving["rq"][0].leaving = true;
  EXPECT_THAT(WhyNobody({"rq", "mail", {{"region", "eu"}}}, leaving), HasSubstr("being stopped"));
  EXPECT_EQ(WhyNobody({"rq", "mail"}, leaving), "");
}

TEST(EngineFitTest, OnlyInstancesThatMayTakeTheFiresAreAskedForTheirOptions) {
  Schedule schedule = Of("rq", {{"b", "\"x\""}});
  EXPECT_OK(CheckEngineFit(schedule, kPlaces));
  schedule.adapter_labels = {{"region", "eu"}};
  EXPECT_THAT(CheckEngineFit(schedule, kPlaces),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("engine_options.b")));
  // Of one that is not connected nothing is known.
  schedule.adapter_labels = {{"region", "asia"}};
  EXPECT_OK(CheckEngineFit(schedule, kPlaces));
}

TEST(EngineFitTest, AnEngineThatIsNotConnectedOrDeclaresNoOptionsTakesAnyOption) {
  Schedule schedule = Of("huey", {{"whatever", "1"}});
  schedule.priority = 1;
  EXPECT_OK(CheckEngineFit(schedule, kOffers));
  EXPECT_OK(CheckEngineFit(Of("own", {{"whatever", "1"}}), kOffers));
}

}  // namespace
}  // namespace z4j::scheduler
