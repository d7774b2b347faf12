#include "services/scheduler/core/zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/time/time.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
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

TEST(ZoneTest, IsSharedByAllWhoLoadItOnOneThread) {
  EXPECT_EQ(*Zone::Load("Europe/Berlin"), *Zone::Load("Europe/Berlin"));
}

}  // namespace
}  // namespace z4j::scheduler
