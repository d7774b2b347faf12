#include "services/scheduler/core/cron_parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using testing::AllOf;
using testing::HasSubstr;

CronFields Parse(absl::string_view expression) {
  CronSpec spec;
  spec.expression = std::string(expression);
  const auto fields = ParseCron(spec);
  EXPECT_TRUE(fields.ok()) << expression << ": " << fields.status();
  return fields.value_or(CronFields{});
}

uint64_t Bits(std::initializer_list<int> values) {
  uint64_t bits = 0;
  for (const int v : values) bits |= uint64_t{1} << v;
  return bits;
}

TEST(CronParseTest, ReadsListsRangesAndSteps) {
  EXPECT_EQ(Parse("1,3-5,50/4 * * * *").minutes, Bits({1, 3, 4, 5, 50, 54, 58}));
  EXPECT_EQ(Parse("*/20 * * * *").minutes, Bits({0, 20, 40}));
  EXPECT_EQ(Parse("10-20/5 * * * *").minutes, Bits({10, 15, 20}));
  EXPECT_EQ(Parse("*/60 * * * *").minutes, Bits({0}));
  EXPECT_EQ(Parse("59/15 * * * *").minutes, Bits({59}));
  EXPECT_EQ(Parse("* * * * *").seconds, Bits({0}));
  EXPECT_EQ(Parse("*/30 * * * * *").seconds, Bits({0, 30}));
}

TEST(CronParseTest, RangesWrapAndStepOnFromTheirStart) {
  EXPECT_EQ(Parse("0 22-2 * * *").hours, Bits({22, 23, 0, 1, 2}));
  EXPECT_EQ(Parse("0 21-2/2 * * *").hours, Bits({21, 23, 1}));
  EXPECT_EQ(Parse("0 0 30-2 * *").days, Bits({30, 31, 1, 2}));
  EXPECT_EQ(Parse("0 0 * nov-feb *").months, Bits({11, 12, 1, 2}));
  EXPECT_EQ(Parse("0 0 * * fri-mon").weekdays, Bits({5, 6, 0, 1}));
}

TEST(CronParseTest, SundayIsZeroAndSeven) {
  EXPECT_EQ(Parse("0 0 * * 0").weekdays, Bits({0}));
  EXPECT_EQ(Parse("0 0 * * 7").weekdays, Bits({0}));
  EXPECT_EQ(Parse("0 0 * * 5-7").weekdays, Bits({5, 6, 0}));
  EXPECT_EQ(Parse("0 0 * * 0-7").weekdays, Bits({0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Parse("0 0 * * 1-7").weekdays, Bits({0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Parse("0 0 * * 7-1").weekdays, Bits({0, 1}));
  EXPECT_EQ(Parse("0 0 * * 7-7").weekdays, Bits({0}));
  EXPECT_EQ(Parse("0 0 * * mon-mon").weekdays, Bits({1}));
  EXPECT_EQ(Parse("0 0 * * 7#2,sunL").nth_weekdays, Bits({7}));
  EXPECT_EQ(Parse("0 0 * * 7#2,sunL").last_weekdays, Bits({0}));
}

TEST(CronParseTest, NamesAreReadInAnyCaseShortOrWhole) {
  EXPECT_EQ(Parse("0 0 * JAN,february,Dec mon").months, Bits({1, 2, 12}));
  EXPECT_EQ(Parse("0 0 * * Monday-FRI").weekdays, Bits({1, 2, 3, 4, 5}));
}

TEST(CronParseTest, ReadsSpecialDays) {
  const CronFields fields = Parse("0 0 L,L-3,lw,15W,31w * 5#2,fri#5,3L");
  EXPECT_EQ(fields.days, 0u);
  EXPECT_EQ(fields.days_before_last, Bits({0, 3}));
  EXPECT_TRUE(fields.last_weekday_of_month);
  EXPECT_EQ(fields.nearest_weekdays, Bits({15, 31}));
  EXPECT_EQ(fields.weekdays, 0u);
  EXPECT_EQ(fields.nth_weekdays, Bits({7 + 5, 28 + 5}));
  EXPECT_EQ(fields.last_weekdays, Bits({3}));
}

TEST(CronParseTest, EitherDayMatchesOnlyWhereNeitherIsAStar) {
  EXPECT_TRUE(Parse("0 0 13 * 5").either_day);
  EXPECT_TRUE(Parse("0 0 */2 * 1").either_day);
  EXPECT_TRUE(Parse("0 0 L * 5L").either_day);
  for (const char* text : {"0 0 * * 5", "0 0 ? * 5", "0 0 13 * ?", "0 0 13 * *", "0 0 */1 * 5"}) {
    EXPECT_FALSE(Parse(text).either_day) << text;
  }
  CronSpec spec;
  spec.expression = "0 0 13 * 5";
  spec.day_match = DayMatch::kAnd;
  EXPECT_FALSE(ParseCron(spec)->either_day);
}

TEST(CronParseTest, AliasesStandForTheirExpressions) {
  EXPECT_EQ(Parse("@yearly"), Parse("0 0 1 1 *"));
  EXPECT_EQ(Parse("@Annually"), Parse("0 0 1 1 *"));
  EXPECT_EQ(Parse("@monthly"), Parse("0 0 1 * *"));
  EXPECT_EQ(Parse("@weekly"), Parse("0 0 * * 0"));
  EXPECT_EQ(Parse(" @daily "), Parse("0 0 * * *"));
  EXPECT_EQ(Parse("@midnight"), Parse("0 0 * * *"));
  EXPECT_EQ(Parse("@hourly"), Parse("0 * * * *"));
}

TEST(CronParseTest, SpelledOutFieldsDefaultToEveryValueAndSecondZero) {
  CronSpec spec;
  spec.hour = "5";
  spec.year = "2026-2030/2, 2100";
  spec.iso_week = "52-2";
  const CronFields fields = *ParseCron(spec);
  EXPECT_EQ(fields.seconds, Bits({0}));
  EXPECT_EQ(fields.minutes, (uint64_t{1} << 60) - 1);
  EXPECT_EQ(fields.hours, Bits({5}));
  EXPECT_EQ(fields.iso_weeks, Bits({52, 53, 1, 2}));
  EXPECT_EQ(fields.years.count(), 4u);
  EXPECT_TRUE(fields.years[2028 - kCalendarYearMin] && fields.years[2100 - kCalendarYearMin]);
}

struct Refusal {
  const char* expression;
  const char* token;
  const char* why;
};

TEST(CronParseTest, RefusesWithTokenPositionAndFix) {
  const Refusal refusals[] = {
      {"60 * * * *", "\"60\" at position 1 (minute)", "minute goes from 0 to 59"},
      {"0 24 * * *", "\"24\" at position 3 (hour)", "hour goes from 0 to 23"},
      {"0 0 0 * *", "\"0\" at position 5 (day_of_month)", "goes from 1 to 31"},
      {"0 0 1,32 * *", "\"32\" at position 7 (day_of_month)", "goes from 1 to 31"},
      {"0 0 * 13 *", "\"13\" at position 7 (month)", "goes from 1 to 12"},
      {"0 0 * * 8", "\"8\" at position 9 (day_of_week)", "0 and 7 are Sunday"},
      {"*/0 * * * *", "\"*/0\" at position 1", "a step is a number from 1 to 60"},
      {"*/90 * * * *", "\"*/90\" at position 1", "use an interval"},
      {"0 */x * * *", "\"*/x\" at position 3", "a step is a number"},
      {"1/2/3 * * * *", "\"1/2/3\"", "one step"},
      {"1-2-3 * * * *", "\"1-2-3\"", "two ends"},
      {"1,,2 * * * *", "\"\" at position 3", "a value is missing"},
      {"5- * * * *", "\"\" at position 3", "a value is missing"},
      {"-5 * * * *", "\"\" at position 1", "a value is missing"},
      {"+5 * * * *", "\"+5\"", "not understood"},
      {"99999999999 * * * *", "\"99999999999\"", "out of range"},
      {"0 ? * * *", "\"?\" at position 3", "write \"*\""},
      {"0 0 ?,1 * *", "\"?\" at position 5", "stands alone"},
      {"0 0 L-31 * *", "\"L-31\"", "from 0 to 30"},
      {"0 0 L-x * *", "\"L-x\"", "from 0 to 30"},
      {"0 0 32W * *", "\"32W\"", "from 1 to 31"},
      {"0 0 W * *", "\"W\"", "from 1 to 31"},
      {"0 0 * * 5#6", "\"5#6\"", "1 to 5"},
      {"0 0 * * 5#", "\"5#\"", "1 to 5"},
      {"0 0 * * L", "\"L\"", "needs a weekday"},
      {"0 0 * * 9L", "\"9\"", "out of range"},
      {"0 0 * * foo", "\"foo\"", "SUN to SAT"},
      {"0 0 * foo *", "\"foo\"", "JAN to DEC"},
      {"0 L * * *", "\"L\"", "not understood"},
      {"0 0 * *", "has 4 fields", "write 5"},
      {"0 0 0 * * * 2030", "has 7 fields", "spec.cron.year"},
      {"@reboot", "\"@reboot\"", "@daily"},
      {"@every 5m", "\"@every 5m\"", "interval"},
  };
  for (const Refusal& refusal : refusals) {
    CronSpec spec;
    spec.expression = refusal.expression;
    const auto result = ParseCron(spec);
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument,
                                 AllOf(HasSubstr(refusal.token), HasSubstr(refusal.why))))
        << refusal.expression;
    const auto violations = FieldViolationsOf(result.status());
    ASSERT_FALSE(violations.empty());
    EXPECT_EQ(violations[0].field, "spec.cron.expression");
  }
}

TEST(CronParseTest, NamesEveryBadSpelledOutField) {
  CronSpec spec;
  spec.hour = "25";
  spec.month = "1, 13";
  spec.year = "2030-2026";
  spec.iso_week = "0";
  const auto violations = FieldViolationsOf(ParseCron(spec).status());
  ASSERT_EQ(violations.size(), 4u);
  EXPECT_EQ(violations[0].field, "spec.cron.hour");
  EXPECT_EQ(violations[1].field, "spec.cron.month");
  EXPECT_THAT(violations[1].description, HasSubstr("\"13\" at position 4"));
  EXPECT_EQ(violations[2].field, "spec.cron.year");
  EXPECT_THAT(violations[2].description, HasSubstr("backwards"));
  EXPECT_EQ(violations[3].field, "spec.cron.iso_week");
}

TEST(CronParseTest, RefusesNothingBothAndTooMuch) {
  CronSpec spec;
  EXPECT_THAT(ParseCron(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give either")));
  spec.expression = "* * * * *";
  spec.hour = "1";
  EXPECT_THAT(ParseCron(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give either")));
  spec.hour = "";
  spec.expression = "1";
  while (spec.expression.size() < 1000) absl::StrAppend(&spec.expression, ",1");
  absl::StrAppend(&spec.expression, " * * * *");
  EXPECT_THAT(ParseCron(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 1000")));
}

}  // namespace
}  // namespace z4j::scheduler
