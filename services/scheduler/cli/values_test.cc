#include "services/scheduler/cli/values.h"

#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "z4j/scheduler/v1/schedule.pb.h"

namespace z4j::scheduler {
namespace {

TEST(ValuesTest, DurationsAreReadAsPeopleWriteThem) {
  ASSERT_OK_AND_ASSIGN(const auto two_days, ParseDuration("--interval", "2d"));
  EXPECT_EQ(two_days.seconds(), 2 * 86400);
  ASSERT_OK_AND_ASSIGN(const auto mixed, ParseDuration("--interval", "1d1h30m0.25s"));
  EXPECT_EQ(mixed.seconds(), 86400 + 5400);
  EXPECT_EQ(mixed.nanos(), 250'000'000);
  for (const char* bad : {"", "5", "d", "-1d", "1x", "99999999d"}) {
    EXPECT_THAT(ParseDuration("--interval", bad),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("--interval")))
        << bad;
  }
}

TEST(ValuesTest, TimesAreAbsoluteOrADistanceFromNow) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  ASSERT_OK_AND_ASSIGN(const auto later, ParseTime("--at", "+10m", now));
  EXPECT_EQ(ToTime(later), now + absl::Minutes(10));
  ASSERT_OK_AND_ASSIGN(const auto before, ParseTime("--from", "-1h", now));
  EXPECT_EQ(ToTime(before), now - absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(const auto fixed, ParseTime("--at", "2026-12-24T18:00:00+01:00", now));
  EXPECT_EQ(TimeText(fixed), "2026-12-24 17:00:00Z");
  EXPECT_THAT(ParseTime("--at", "tomorrow", now), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ValuesTest, EnumsAreTheirNamesInAnyCaseAndTheErrorListsThem) {
  const auto& type = *v1::CatchUp_descriptor();
  for (const char* text : {"fire-one", "FIRE_ONE", "CATCH_UP_FIRE_ONE"}) {
    ASSERT_OK_AND_ASSIGN(const int value, ParseEnum("--catch-up", text, type));
    EXPECT_EQ(value, v1::CATCH_UP_FIRE_ONE);
  }
  EXPECT_THAT(
      ParseEnum("--catch-up", "unspecified", type),
      StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("skip, fire_one, fire_all")));
}

TEST(ValuesTest, PairsAreRefusedWithoutAKeyOrGivenTwice) {
  ASSERT_OK_AND_ASSIGN(const auto pairs, ParsePairs("--label", {"team=data", "url=a=b"}));
  EXPECT_EQ(pairs.at("url"), "a=b");
  EXPECT_THAT(ParsePairs("--label", {"team"}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParsePairs("--label", {"a=1", "a=2"}), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
