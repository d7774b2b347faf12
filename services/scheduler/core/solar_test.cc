#include "services/scheduler/core/solar.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "absl/strings/str_format.h"
#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

constexpr SolarEvent kAllEvents[] = {SolarEvent::kDawnAstronomical, SolarEvent::kDawnNautical,
                                     SolarEvent::kDawnCivil,        SolarEvent::kSunrise,
                                     SolarEvent::kSolarNoon,        SolarEvent::kSunset,
                                     SolarEvent::kDuskCivil,        SolarEvent::kDuskNautical,
                                     SolarEvent::kDuskAstronomical, SolarEvent::kSolarMidnight};

absl::Time Utc(const char* text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return time;
}

std::shared_ptr<const Recurrence> Compile(SolarEvent event, double latitude, double longitude,
                                          absl::Duration offset = absl::ZeroDuration()) {
  return *CompileSolar({event, latitude, longitude, offset});
}

// The events in (after, until], one NextAfter at a time.
std::vector<absl::Time> Walk(const Recurrence& recurrence, absl::Time after, absl::Time until) {
  std::vector<absl::Time> times;
  for (absl::Time t = recurrence.NextAfter(after); t <= until; t = recurrence.NextAfter(t)) {
    times.push_back(t);
  }
  return times;
}

// Instants from ephem 4.2.1 with pressure 0; tests/differential compares whole years.
TEST(SolarTest, KnowsTheSunOfBerlinOnMidsummersDay) {
  const absl::Time morning = Utc("2026-06-20T22:00:00Z");
  const auto is_near = [&](SolarEvent event, const char* want) {
    const absl::Time got = Compile(event, 52.52, 13.405)->NextAfter(morning);
    EXPECT_LT(absl::AbsDuration(got - Utc(want)), absl::Seconds(5)) << absl::FormatTime(got);
  };
  is_near(SolarEvent::kDawnNautical, "2026-06-21T00:29:24Z");
  is_near(SolarEvent::kDawnCivil, "2026-06-21T01:52:51Z");
  is_near(SolarEvent::kSunrise, "2026-06-21T02:43:08Z");
  is_near(SolarEvent::kSunset, "2026-06-21T19:33:14Z");
  is_near(SolarEvent::kDuskCivil, "2026-06-21T20:23:30Z");
  is_near(SolarEvent::kSolarNoon, "2026-06-21T11:08:11Z");
  is_near(SolarEvent::kSolarMidnight, "2026-06-20T23:08:04Z");
}

TEST(SolarTest, TheDayOfAnEventPassesThroughAllAltitudesInOrder) {
  absl::Time last = Utc("2026-03-19T23:00:00Z");
  for (SolarEvent event : kAllEvents) {
    const absl::Time next = Compile(event, 48.85, 2.35)->NextAfter(last);
    EXPECT_LT(next - last, absl::Hours(8)) << static_cast<int>(event);
    last = next;
  }
}

TEST(SolarTest, AnEventIsStrictlyAfterAndComesOnce) {
  for (SolarEvent event : kAllEvents) {
    const auto sun = Compile(event, 64.15, -21.94, absl::Microseconds(7));
    const absl::Time due = sun->NextAfter(Utc("2026-03-01T00:00:00Z"));
    EXPECT_EQ(sun->NextAfter(due - absl::Microseconds(1)), due);
    EXPECT_GT(sun->NextAfter(due), due + absl::Hours(20));
    EXPECT_EQ(sun->LastAtOrBefore(due), due);
    EXPECT_LT(sun->LastAtOrBefore(due - absl::Microseconds(1)), due - absl::Hours(20));
    EXPECT_EQ(sun->CountBetween(due - absl::Microseconds(1), due), 1);
    EXPECT_EQ(sun->CountBetween(due, due + absl::Hours(20)), 0);
  }
}

TEST(SolarTest, AnEventHasTheSameInstantWhateverIsAsked) {
  int seed = GTEST_FLAG_GET(random_seed);
  if (seed == 0) seed = static_cast<int>(1 + std::random_device()() % 99'999);
  std::cout << "seed " << seed << std::endl;
  std::mt19937 engine(seed);
  const auto draw = [&engine](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine);
  };
  for (int round = 0; round < 40; ++round) {
    const SolarEvent event = kAllEvents[engine() % 10];
    const double latitude = round % 8 == 0 ? std::copysign(90, draw(-1, 1)) : draw(-90, 90);
    const double longitude = draw(-180, 180);
    SCOPED_TRACE(absl::StrFormat("seed %d: event %d at %.6f, %.6f", seed, static_cast<int>(event),
                                 latitude, longitude));
    const auto sun = Compile(event, latitude, longitude);
    const absl::Time begin = absl::FromUnixSeconds(static_cast<int64_t>(draw(0, 7e9)));
    const absl::Time end = begin + absl::Hours(24 * 400);
    const std::vector<absl::Time> times = Walk(*sun, begin, end);
    ASSERT_FALSE(times.empty());
    EXPECT_EQ(sun->CountBetween(begin, end), times.size());
    EXPECT_EQ(sun->LastAtOrBefore(end), times.back());
    for (size_t i = 0; i + 1 < times.size(); ++i) {
      const absl::Time between = times[i] + draw(0, 0.999) * (times[i + 1] - times[i]);
      ASSERT_EQ(sun->NextAfter(between), times[i + 1]);
      ASSERT_EQ(sun->LastAtOrBefore(between), times[i]);
      if (i % 50 == 0) {
        ASSERT_EQ(sun->CountBetween(begin, between), i + 1);
      }
    }
  }
}

TEST(SolarTest, DaysWithoutTheEventAreSkipped) {
  const auto sunset = Compile(SolarEvent::kSunset, 69.65, 18.96);
  // The midnight sun of Tromsoe ends in late July, its polar night in mid January.
  const absl::Time end_of_day = sunset->NextAfter(Utc("2026-05-20T00:00:00Z"));
  EXPECT_GT(end_of_day, Utc("2026-07-24T12:00:00Z"));
  EXPECT_LT(end_of_day, Utc("2026-07-28T12:00:00Z"));
  const absl::Time end_of_night = sunset->NextAfter(Utc("2026-12-01T00:00:00Z"));
  EXPECT_GT(end_of_night, Utc("2027-01-13T00:00:00Z"));
  EXPECT_LT(end_of_night, Utc("2027-01-17T00:00:00Z"));
  EXPECT_EQ(sunset->CountBetween(Utc("2026-06-01T00:00:00Z"), Utc("2026-07-01T00:00:00Z")), 0);
}

TEST(SolarTest, NoonComesEveryDayAlsoInThePolarNight) {
  const auto noon = Compile(SolarEvent::kSolarNoon, 78.22, 15.65);
  EXPECT_EQ(noon->CountBetween(Utc("2026-01-01T00:00:00Z"), Utc("2027-01-01T00:00:00Z")), 365);
}

TEST(SolarTest, AtThePolesTheSunRisesOnceAYear) {
  const auto north = Walk(*Compile(SolarEvent::kSunrise, 90, 0), Utc("2026-01-01T00:00:00Z"),
                          Utc("2029-01-01T00:00:00Z"));
  ASSERT_EQ(north.size(), 3);
  EXPECT_GT(north[0], Utc("2026-03-17T00:00:00Z"));
  EXPECT_LT(north[0], Utc("2026-03-20T00:00:00Z"));
  const auto south = Walk(*Compile(SolarEvent::kSunrise, -90, 0), Utc("2026-01-01T00:00:00Z"),
                          Utc("2029-01-01T00:00:00Z"));
  ASSERT_EQ(south.size(), 3);
  EXPECT_GT(south[0], Utc("2026-09-19T00:00:00Z"));
  EXPECT_LT(south[0], Utc("2026-09-23T00:00:00Z"));
}

TEST(SolarTest, TheOffsetMovesTheEvent) {
  const absl::Time after = Utc("2026-03-01T00:00:00Z");
  const absl::Time sunset = Compile(SolarEvent::kSunset, 1.35, 103.82)->NextAfter(after);
  for (absl::Duration offset : {absl::Hours(12), -absl::Hours(8), absl::Microseconds(1)}) {
    EXPECT_EQ(Compile(SolarEvent::kSunset, 1.35, 103.82, offset)->NextAfter(after + offset),
              sunset + offset);
  }
}

TEST(SolarTest, EndsWithTheYear2199) {
  for (SolarEvent event : {SolarEvent::kSunrise, SolarEvent::kSolarNoon}) {
    const auto sun = Compile(event, 51.5, -0.13);
    const absl::Time last = sun->LastAtOrBefore(absl::InfiniteFuture());
    EXPECT_GT(last, Utc("2199-06-01T00:00:00Z"));
    EXPECT_LT(last, Utc("2200-01-02T00:00:00Z"));
    EXPECT_EQ(sun->NextAfter(last), absl::InfiniteFuture());
    EXPECT_EQ(sun->LastAtOrBefore(sun->NextAfter(absl::InfinitePast()) - absl::Microseconds(1)),
              absl::InfinitePast());
    EXPECT_GT(sun->CountBetween(absl::InfinitePast(), absl::InfiniteFuture()), 200 * 230);
  }
}

TEST(SolarTest, RefusesWhatIsNotOnTheGlobe) {
  SolarSpec spec{SolarEvent::kSunrise, 91, -180.5, absl::Hours(13)};
  const absl::Status status = CompileSolar(spec).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(FieldViolationsOf(status),
              ElementsAre(Field(&FieldViolation::field, "spec.solar.latitude"),
                          Field(&FieldViolation::field, "spec.solar.longitude"),
                          Field(&FieldViolation::field, "spec.solar.offset")));
  spec = {static_cast<SolarEvent>(0), std::nan(""), 180, absl::Nanoseconds(1)};
  EXPECT_THAT(FieldViolationsOf(CompileSolar(spec).status()),
              ElementsAre(Field(&FieldViolation::field, "spec.solar.latitude"),
                          Field(&FieldViolation::field, "spec.solar.event"),
                          Field(&FieldViolation::field, "spec.solar.offset")));
}

}  // namespace
}  // namespace z4j::scheduler
