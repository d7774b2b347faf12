#include "services/scheduler/transfer/zone_rules.h"

#include <gmock/gmock.h>

namespace z4j::scheduler {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

absl::Time At(const char* text) {
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr));
  return time;
}

// Berlin from mid-winter to mid-winter, as everybody has it.
ZoneRules Berlin() {
  return {{{At("2027-01-01T00:00:00Z"), absl::Hours(1)},
           {At("2027-03-28T01:00:00Z"), absl::Hours(2)},
           {At("2027-10-31T01:00:00Z"), absl::Hours(1)}},
          At("2028-01-01T00:00:00Z")};
}

TEST(ZoneRulesTest, TheSameRulesDoNotDiffer) {
  EXPECT_EQ(FirstOtherRule("Europe/Berlin", Berlin()), std::nullopt);
  EXPECT_EQ(FirstOtherRule("UTC", {{{At("2027-01-01T00:00:00Z"), absl::ZeroDuration()}},
                                   At("2037-01-01T00:00:00Z")}),
            std::nullopt);
}

TEST(ZoneRulesTest, AChangeThatTheSourceDoesNotHaveIsNamed) {
  ZoneRules abolished = Berlin();
  abolished.offsets.resize(1);
  EXPECT_THAT(
      FirstOtherRule("Europe/Berlin", abolished),
      Optional(HasSubstr("2027-03-28 03:00:00 +02:00 (01:00:00 UTC) on, the source's offset "
                         "does not change, and ours is UTC+02:00")));
}

TEST(ZoneRulesTest, AChangeThatOnlyTheSourceHasIsNamed) {
  ZoneRules later = Berlin();
  later.offsets.push_back({At("2027-12-01T00:00:00Z"), absl::Hours(3)});
  EXPECT_THAT(FirstOtherRule("Europe/Berlin", later),
              Optional(HasSubstr("source's offset is UTC+03:00, and ours does not change")));
}

TEST(ZoneRulesTest, AnOffsetThatDiffersFromTheBeginningIsNamed) {
  ZoneRules moved = Berlin();
  moved.offsets[0].offset = -absl::Minutes(210);
  EXPECT_THAT(FirstOtherRule("Europe/Berlin", moved),
              Optional(HasSubstr("source's offset is UTC-03:30, and ours is UTC+01:00")));
}

TEST(ZoneRulesTest, WhatIsBeyondWhatTheSourceToldIsNotCompared) {
  ZoneRules soon = Berlin();
  soon.offsets.resize(2);
  soon.until = At("2027-06-01T00:00:00Z");
  EXPECT_EQ(FirstOtherRule("Europe/Berlin", soon), std::nullopt);
}

}  // namespace
}  // namespace z4j::scheduler
