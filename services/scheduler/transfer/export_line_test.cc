#include "services/scheduler/transfer/export_line.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr int64_t kNowUs = 1'800'000'000'000'000;  // 2027-01-15 08:00 UTC
const absl::Time kNow = absl::FromUnixMicros(kNowUs);

Json FieldsOf(const Schedule& schedule, int64_t fires = 0) {
  const absl::StatusOr<Json> fields = ExportFields(schedule, {.now = kNow, .fires = fires});
  EXPECT_TRUE(fields.ok()) << fields.status();
  return *fields;
}

Schedule CronOf(const std::string& expression) {
  Schedule schedule;
  CronSpec cron;
  cron.expression = expression;
  schedule.spec = cron;
  return schedule;
}

TEST(ExportLineTest, ACronIsTheSetsOfItsFields) {
  const Json cron = FieldsOf(CronOf("*/20 3,5 1-3 jan mon-wed"))["cron"];
  EXPECT_THAT(cron["seconds"], ElementsAre(0));
  EXPECT_THAT(cron["minutes"], ElementsAre(0, 20, 40));
  EXPECT_THAT(cron["hours"], ElementsAre(3, 5));
  EXPECT_THAT(cron["days"], ElementsAre(1, 2, 3));
  EXPECT_THAT(cron["months"], ElementsAre(1));
  EXPECT_THAT(cron["weekdays"], ElementsAre(1, 2, 3));
  EXPECT_EQ(cron["eitherDay"], true);
}

TEST(ExportLineTest, AFieldThatDoesNotRestrictHasAllItsValues) {
  const Json cron = FieldsOf(CronOf("0 3 * * *"))["cron"];
  EXPECT_EQ(cron["days"].size(), 31);
  EXPECT_EQ(cron["weekdays"].size(), 7);
  EXPECT_EQ(cron["months"].size(), 12);
  EXPECT_EQ(cron["isoWeeks"].size(), 53);
  EXPECT_EQ(cron["years"].size(), 230);
  EXPECT_EQ(cron["years"][0], 1970);
  EXPECT_EQ(cron["eitherDay"], false);
}

TEST(ExportLineTest, SpecialDaysStandBesideTheSets) {
  const Json dates = FieldsOf(CronOf("0 3 L,L-3,15W,LW * *"))["cron"];
  EXPECT_THAT(dates["days"], IsEmpty());
  EXPECT_THAT(dates["daysBeforeLast"], ElementsAre(0, 3));
  EXPECT_THAT(dates["nearestWeekdays"], ElementsAre(15));
  EXPECT_EQ(dates["lastWeekdayOfMonth"], true);
  const Json weekdays = FieldsOf(CronOf("0 3 * * 5#2,0#5,4L"))["cron"];
  EXPECT_THAT(weekdays["weekdays"], IsEmpty());
  EXPECT_THAT(weekdays["nthWeekdays"], ElementsAre(Json({5, 2}), Json({0, 5})));
  EXPECT_THAT(weekdays["lastWeekdays"], ElementsAre(4));
}

TEST(ExportLineTest, AutoFoldIsBothWhereTheHourIsOpenAndFirstElsewhere) {
  EXPECT_EQ(FieldsOf(CronOf("30 * * * *"))["fold"], "BOTH");
  EXPECT_EQ(FieldsOf(CronOf("30 2 * * *"))["fold"], "FIRST");
  Schedule second = CronOf("30 2 * * *");
  second.fold = FoldPolicy::kSecond;
  EXPECT_EQ(FieldsOf(second)["fold"], "SECOND");
}

TEST(ExportLineTest, AStartThatIsPastIsNotTold) {
  Schedule schedule = CronOf("0 3 * * *");
  schedule.start_at = kNow - absl::Hours(1);
  schedule.end_at = kNow + absl::Hours(48);
  Json fields = FieldsOf(schedule);
  EXPECT_FALSE(fields.contains("startUs"));
  EXPECT_EQ(fields["endUs"], kNowUs + 48 * 3'600'000'000);
  schedule.start_at = kNow + absl::Hours(1);
  EXPECT_EQ(FieldsOf(schedule)["startUs"], kNowUs + 3'600'000'000);
}

TEST(ExportLineTest, FiresThatWereMadeAreNotLeft) {
  Schedule schedule;
  schedule.spec = IntervalSpec{absl::Minutes(7), kNow};
  schedule.max_fires = 5;
  const Json fields = FieldsOf(schedule, 3);
  EXPECT_EQ(fields["firesLeft"], 2);
  EXPECT_EQ(fields["nextDueUs"], kNowUs + 7 * 60'000'000);
  EXPECT_FALSE(fields.contains("cron"));
  const Json ended = FieldsOf(schedule, 5);
  EXPECT_FALSE(ended.contains("firesLeft"));
  EXPECT_FALSE(ended.contains("nextDueUs"));
}

TEST(ExportLineTest, WhatIsAskedGoesAlong) {
  const auto fields =
      ExportFields(CronOf("0 3 * * *"), {kNow, 0, {kNow, kNow + absl::Seconds(1)}, 60});
  ASSERT_TRUE(fields.ok());
  EXPECT_EQ((*fields)["count"], 60);
  EXPECT_THAT((*fields)["afterUs"], ElementsAre(kNowUs, kNowUs + 1'000'000));
}

TEST(ExportLineTest, ASpecThatCannotBeComputedIsAnError) {
  EXPECT_EQ(ExportFields(CronOf("0 3 30 2 *"), {kNow}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace z4j::scheduler
