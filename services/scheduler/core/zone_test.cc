#include "services/scheduler/core/zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/time/time.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

int64_t OffsetAt(const Zone& zone, int64_t unix_seconds) {
  return zone.segments()[zone.IndexAt(unix_seconds)].offset;
}

TEST(ZoneTest, UtcIsOneSegment) {
  EXPECT_THAT((*Zone::Load("UTC"))->segments(), ElementsAre(OffsetSegment{kDistantPast, 0}));
}

TEST(ZoneTest, NamesThatOnlyChangedTheirAbbreviationAreOneSegment) {
  // Kolkata has had +05:30 since 1945.
  EXPECT_THAT((*Zone::Load("Asia/Kolkata"))->segments(), SizeIs(1));
  for (const char* name : {"Europe/London", "Europe/Dublin", "Africa/Windhoek", "Asia/Manila"}) {
    const std::shared_ptr<const Zone> zone = *Zone::Load(name);
    for (size_t i = 1; i < zone->segments().size(); ++i) {
      EXPECT_LT(zone->segments()[i - 1].start, zone->segments()[i].start) << name;
      EXPECT_NE(zone->segments()[i - 1].offset, zone->segments()[i].offset) << name;
    }
  }
}

TEST(ZoneTest, AgreesWithTheLibraryAroundEveryChangeAndBetween) {
  for (const char* name :
       {"America/New_York", "Europe/Dublin", "Pacific/Apia", "Australia/Lord_Howe",
        "Africa/Casablanca", "Africa/Monrovia", "Antarctica/Troll", "America/Noronha"}) {
    const std::shared_ptr<const Zone> zone = *Zone::Load(name);
    absl::TimeZone library;
    ASSERT_TRUE(absl::LoadTimeZone(name, &library));
    const auto check = [&](int64_t t) {
      ASSERT_EQ(OffsetAt(*zone, t), library.At(absl::FromUnixSeconds(t)).offset)
          << name << " " << t;
    };
    for (const OffsetSegment& segment : zone->segments()) {
      if (segment.start == kDistantPast) continue;
      check(segment.start - 1);
      check(segment.start);
    }
    // Every 11 days and a bit, from 1970 to the end of 2199.
    for (int64_t t = 0; t < 7'258'118'400; t += 999'983) check(t);
  }
}

TEST(ZoneTest, AFixedOffsetIsOneSegmentInOneSpelling) {
  EXPECT_THAT((*Zone::Load("UTC+05:30"))->segments(),
              ElementsAre(OffsetSegment{kDistantPast, 19'800}));
  EXPECT_THAT((*Zone::Load("UTC-03:00"))->segments(),
              ElementsAre(OffsetSegment{kDistantPast, -10'800}));
  EXPECT_THAT((*Zone::Load("UTC+14:00"))->segments(), SizeIs(1));
  EXPECT_EQ(FixedOffsetOf("UTC-00:30"), -1800);
  EXPECT_EQ(FixedOffsetOf("UTC"), std::nullopt);
  EXPECT_EQ(FixedOffsetOf("UTC+5"), std::nullopt);
  EXPECT_EQ(absl::FormatTime("%Ez", absl::UnixEpoch(), ShownZone("UTC-03:30")), "-03:30");
}

TEST(ZoneTest, AnOffsetSpelledOtherwiseIsRefusedWithItsSpelling) {
  const std::pair<const char*, const char*> kSpellings[] = {{"UTC+5", "write \"UTC+05:00\""},
                                                            {"utc+05:30", "write \"UTC+05:30\""},
                                                            {"+0530", "write \"UTC+05:30\""},
                                                            {"GMT-3:00", "write \"UTC-03:00\""},
                                                            {"UTC+00:00", "write \"UTC\""},
                                                            {"UTC-00:00", "write \"UTC\""},
                                                            {"UTC+14:01", "UTC-14:00 to UTC+14:00"},
                                                            {"UTC+99", "UTC-14:00 to UTC+14:00"},
                                                            {"UTC+05:60", "no time zone"},
                                                            {"UTC+05:30:00", "no time zone"},
                                                            {"UTC+", "no time zone"},
                                                            {"UTC+1x", "no time zone"},
                                                            {"UTC+05:30 ", "no time zone"},
                                                            {"UTC+:30", "no time zone"}};
  for (const auto& [name, fix] : kSpellings) {
    EXPECT_THAT(Zone::Load(name), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(fix)))
        << name;
  }
}

TEST(ZoneTest, IsSharedByAllWhoLoadItOnOneThread) {
  EXPECT_EQ(*Zone::Load("Europe/Berlin"), *Zone::Load("Europe/Berlin"));
}

}  // namespace
}  // namespace z4j::scheduler
