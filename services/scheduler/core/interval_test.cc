#include "services/scheduler/core/interval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(IntervalTest, KeepsItsGridToTheMicrosecond) {
  const Schedule schedule = IntervalOf(absl::Milliseconds(1500), Utc("2026-01-01 00:00:00.000001"),
                                       Arithmetic::kAbsolute);
  EXPECT_THAT(Next(schedule, "2025-01-01 00:00:00", 3),
              ElementsAre("2026-01-01 00:00:00.000001", "2026-01-01 00:00:01.500001",
                          "2026-01-01 00:00:03.000001"));
  EXPECT_THAT(Next(schedule, "2027-01-01 00:00:00", 1), ElementsAre("2027-01-01 00:00:00.000001"));
  const auto recurrence = *CompileRecurrence(schedule);
  const absl::Time due = Utc("2027-01-01 00:00:00.000001");
  EXPECT_EQ(recurrence->LastAtOrBefore(due), due);
  EXPECT_EQ(recurrence->LastAtOrBefore(due - absl::Nanoseconds(1)), due - absl::Milliseconds(1500));
  EXPECT_EQ(recurrence->LastAtOrBefore(Utc("2026-01-01 00:00:00")), absl::InfinitePast());
  EXPECT_EQ(recurrence->CountBetween(due - absl::Seconds(3), due), 2);
  EXPECT_EQ(recurrence->CountBetween(absl::InfinitePast(), due), 365 * 86400 * 2 / 3 + 1);
}

TEST(IntervalTest, BeginsAtCreationWithoutAnAnchor) {
  Schedule schedule = IntervalOf(absl::Hours(1), absl::InfinitePast(), Arithmetic::kAbsolute);
  schedule.created_at = Utc("2026-01-01 00:07:13");
  EXPECT_THAT(Next(schedule, "2026-01-01 05:00:00", 1), ElementsAre("2026-01-01 05:07:13"));
}

TEST(IntervalTest, AbsoluteMovesWithDstAndWallDoesNot) {
  const absl::Time anchor = Utc("2026-03-07 17:00:00.25");  // 12:00 in New York.
  EXPECT_THAT(Next(IntervalOf(absl::Hours(24), anchor, Arithmetic::kAbsolute, "America/New_York"),
                   "2026-03-07 18:00:00", 2),
              ElementsAre("2026-03-08 17:00:00.25", "2026-03-09 17:00:00.25"));
  const Schedule wall = IntervalOf(absl::Hours(24), anchor, Arithmetic::kWall, "America/New_York");
  EXPECT_THAT(
      Next(wall, "2026-03-01 00:00:00", 3),
      ElementsAre("2026-03-07 17:00:00.25", "2026-03-08 16:00:00.25", "2026-03-09 16:00:00.25"));
  const auto recurrence = *CompileRecurrence(wall);
  EXPECT_EQ(recurrence->LastAtOrBefore(Utc("2026-03-08 16:00:00.25")),
            Utc("2026-03-08 16:00:00.25"));
  EXPECT_EQ(recurrence->LastAtOrBefore(Utc("2026-03-08 16:00:00.249999")), anchor);
  EXPECT_EQ(recurrence->LastAtOrBefore(Utc("2026-03-07 17:00:00")), absl::InfinitePast());
  EXPECT_EQ(recurrence->CountBetween(anchor, Utc("2026-03-10 16:00:00.25")), 3);
  EXPECT_EQ(recurrence->CountBetween(absl::InfinitePast(), Utc("2026-03-10 16:00:00")), 3);
}

TEST(IntervalTest, WallKeepsAnAnchorInTheSecondPassOfAFold) {
  const absl::Time anchor = Utc("2026-11-01 06:30:00");  // 01:30 EST, the second one.
  EXPECT_THAT(Next(IntervalOf(absl::Hours(48), anchor, Arithmetic::kWall, "America/New_York"),
                   "2026-10-01 00:00:00", 2),
              ElementsAre("2026-11-01 06:30", "2026-11-03 06:30"));
}

TEST(IntervalTest, RefusesPeriodsOutOfBounds) {
  const auto field_of = [](absl::Duration period, Arithmetic arithmetic) {
    const auto result =
        CompileRecurrence(IntervalOf(period, Utc("2026-01-01 00:00:00"), arithmetic));
    return result.ok() ? "" : FieldViolationsOf(result.status()).at(0).field;
  };
  EXPECT_EQ(field_of(absl::Milliseconds(999), Arithmetic::kAbsolute), "spec.interval.period");
  EXPECT_EQ(field_of(absl::InfiniteDuration(), Arithmetic::kAbsolute), "spec.interval.period");
  EXPECT_EQ(field_of(absl::Hours(24 * 3654), Arithmetic::kAbsolute), "spec.interval.period");
  EXPECT_EQ(field_of(absl::Seconds(1) + absl::Nanoseconds(1), Arithmetic::kAbsolute),
            "spec.interval.period");
  EXPECT_EQ(field_of(absl::Hours(25), Arithmetic::kWall), "spec.interval.period");
  EXPECT_EQ(field_of(absl::Seconds(1), Arithmetic::kAbsolute), "");
}

TEST(OneShotTest, IsDueOnceAtItsMicrosecond) {
  Schedule schedule;
  const absl::Time at = Utc("2026-05-05 05:05:05.123456");
  schedule.spec = OneShotSpec{at};
  EXPECT_THAT(Next(schedule, "2026-01-01 00:00:00", 2), ElementsAre("2026-05-05 05:05:05.123456"));
  EXPECT_THAT(Next(schedule, at, 1), IsEmpty());
  const auto recurrence = *CompileRecurrence(schedule);
  EXPECT_EQ(recurrence->LastAtOrBefore(at - absl::Microseconds(1)), absl::InfinitePast());
  EXPECT_EQ(recurrence->LastAtOrBefore(absl::InfiniteFuture()), at);
  EXPECT_EQ(recurrence->CountBetween(absl::InfinitePast(), absl::InfiniteFuture()), 1);
  schedule.spec = OneShotSpec{absl::InfiniteFuture()};
  EXPECT_THAT(CompileRecurrence(schedule), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
