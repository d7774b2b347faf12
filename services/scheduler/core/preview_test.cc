#include "services/scheduler/core/preview.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Time Utc(const char* text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return time;
}

Schedule Cron(const char* expression, const char* zone = "Europe/Berlin") {
  Schedule schedule;
  CronSpec cron;
  cron.expression = expression;
  schedule.spec = cron;
  schedule.time_zone = zone;
  return schedule;
}

// Each fire as "local time" or "local time | note".
std::vector<std::string> Lines(const Schedule& schedule, const char* after, int count,
                               const Cursor& cursor = {}) {
  const auto fires = PreviewFires(schedule, cursor, Utc(after), count);
  EXPECT_OK(fires);
  std::vector<std::string> lines;
  if (!fires.ok()) return lines;
  for (const PreviewedFire& fire : *fires) {
    lines.push_back(fire.note.empty() ? fire.local_time
                                      : absl::StrCat(fire.local_time, " | ", fire.note));
  }
  return lines;
}

TEST(PreviewTest, ShowsLocalTimesWithTheirOffset) {
  EXPECT_THAT(Lines(Cron("30 9 * * *"), "2026-01-10T08:30:00Z", 2),
              ElementsAre("2026-01-11T09:30:00+01:00", "2026-01-12T09:30:00+01:00"));
  Schedule once;
  once.spec = OneShotSpec{Utc("2026-07-01T00:00:00.000250Z")};
  once.time_zone = "Asia/Kolkata";
  EXPECT_THAT(Lines(once, "2026-01-01T00:00:00Z", 5),
              ElementsAre("2026-07-01T05:30:00.00025+05:30"));
}

TEST(PreviewTest, ShowsAFixedOffsetAndAMicrosecond) {
  Schedule schedule = Cron("30 9 * * *", "UTC-03:30");
  std::get<CronSpec>(schedule.spec).microsecond = 123'456;
  EXPECT_THAT(Lines(schedule, "2026-03-28T13:00:00.123456Z", 1),
              ElementsAre("2026-03-29T09:30:00.123456-03:30"));
}

TEST(PreviewTest, SaysWhichWallTimeAGapMovedToTheNextValidOne) {
  EXPECT_THAT(Lines(Cron("30 2 * * *"), "2026-03-28T00:00:00Z", 3),
              ElementsAre("2026-03-28T02:30:00+01:00",
                          "2026-03-29T03:00:00+02:00 | 02:30 does not exist on this day (clocks go "
                          "forward at 02:00): runs at 03:00 (gap NEXT_VALID)",
                          "2026-03-30T02:30:00+02:00"));
}

TEST(PreviewTest, ListsAFewOfManyMovedTimes) {
  EXPECT_THAT(
      Lines(Cron("*/10 2 * * *"), "2026-03-29T00:00:00Z", 1),
      ElementsAre("2026-03-29T03:00:00+02:00 | 02:00, 02:10, 02:20 and 3 more do not exist "
                  "on this day (clocks go forward at 02:00): run at 03:00 (gap NEXT_VALID)"));
}

TEST(PreviewTest, ATimeThatExistsNeedsNoNoteEvenRightAfterTheGap) {
  EXPECT_THAT(Lines(Cron("0 3 * * *"), "2026-03-29T00:00:00Z", 1),
              ElementsAre("2026-03-29T03:00:00+02:00"));
}

TEST(PreviewTest, SaysHowAShiftedTimeCameAbout) {
  Schedule schedule = Cron("0,30 2 * * *");
  schedule.gap = GapPolicy::kShift;
  EXPECT_THAT(Lines(schedule, "2026-03-29T00:00:00Z", 2),
              ElementsAre("2026-03-29T03:00:00+02:00 | 02:00 does not exist on this day (clocks go "
                          "forward at 02:00): runs at 03:00 (gap SHIFT)",
                          "2026-03-29T03:30:00+02:00 | 02:30 does not exist on this day (clocks go "
                          "forward at 02:00): runs at 03:30 (gap SHIFT)"));
}

TEST(PreviewTest, SaysWhatAGapDroppedAtTheNextFire) {
  Schedule schedule = Cron("30 2 * * *");
  schedule.gap = GapPolicy::kSkip;
  EXPECT_THAT(
      Lines(schedule, "2026-03-28T12:00:00Z", 2),
      ElementsAre("2026-03-30T02:30:00+02:00 | before this one, 2026-03-29 02:30 does not exist "
                  "(clocks go forward at 2026-03-29 02:00): skipped (gap SKIP)",
                  "2026-03-31T02:30:00+02:00"));
}

TEST(PreviewTest, TellsTheFirstFromTheSecondOfTwo) {
  Schedule schedule = Cron("30 2 * * *");
  schedule.fold = FoldPolicy::kBoth;
  EXPECT_THAT(
      Lines(schedule, "2026-10-24T12:00:00Z", 3),
      ElementsAre("2026-10-25T02:30:00+02:00 | the first of two 02:30s on this day (clocks "
                  "go back at 03:00)",
                  "2026-10-25T02:30:00+01:00 | the second of two 02:30s on this day (clocks "
                  "go back at 03:00)",
                  "2026-10-26T02:30:00+01:00"));
}

TEST(PreviewTest, NotesHalfHourChanges) {
  EXPECT_THAT(Lines(Cron("15 2 * * *", "Australia/Lord_Howe"), "2026-10-03T12:00:00Z", 1),
              ElementsAre("2026-10-04T02:30:00+11:00 | 02:15 does not exist on this day (clocks go "
                          "forward at 02:00): runs at 02:30 (gap NEXT_VALID)"));
}

TEST(PreviewTest, NotesADayThatAZoneSkipped) {
  EXPECT_THAT(Lines(Cron("0 12 30 12 *", "Pacific/Apia"), "2011-06-01T00:00:00Z", 1),
              ElementsAre("2011-12-31T00:00:00+14:00 | 2011-12-30 12:00 does not exist (clocks go "
                          "forward at 2011-12-30 00:00): runs at 00:00 (gap NEXT_VALID)"));
}

TEST(PreviewTest, NotesWallClockIntervalsButNotAbsoluteOnesInAGap) {
  Schedule schedule;
  schedule.time_zone = "Europe/Berlin";
  schedule.spec = IntervalSpec{absl::Hours(24), Utc("2026-03-01T01:30:00Z"), Arithmetic::kWall};
  EXPECT_THAT(Lines(schedule, "2026-03-29T00:00:00Z", 1),
              ElementsAre("2026-03-29T03:00:00+02:00 | 02:30 does not exist on this day (clocks go "
                          "forward at 02:00): runs at 03:00 (gap NEXT_VALID)"));
  schedule.spec = IntervalSpec{absl::Hours(1), Utc("2026-03-01T01:00:00Z"), Arithmetic::kAbsolute};
  EXPECT_THAT(Lines(schedule, "2026-03-29T00:00:00Z", 1), ElementsAre("2026-03-29T03:00:00+02:00"));
}

TEST(PreviewTest, KeepsToTheLifetimeOfTheSchedule) {
  Schedule schedule = Cron("0 9 * * *", "UTC");
  schedule.start_at = Utc("2026-01-02T09:00:00Z");
  schedule.end_at = Utc("2026-01-04T09:00:00Z");
  EXPECT_THAT(Lines(schedule, "2026-01-01T00:00:00Z", 9),
              ElementsAre("2026-01-02T09:00:00+00:00", "2026-01-03T09:00:00+00:00",
                          "2026-01-04T09:00:00+00:00"));
  schedule.max_fires = 5;
  EXPECT_THAT(Lines(schedule, "2026-01-01T00:00:00Z", 9, {absl::InfinitePast(), 3}), SizeIs(2));
  EXPECT_THAT(Lines(schedule, "2026-01-01T00:00:00Z", 9, {absl::InfinitePast(), 5}), IsEmpty());
}

TEST(PreviewTest, ForetellsWhatTheTickDecides) {
  for (const char* expression : {"*/7 1-3 * * *", "30 2 * 3,10 0", "@hourly"}) {
    for (GapPolicy gap : {GapPolicy::kNextValid, GapPolicy::kShift, GapPolicy::kSkip}) {
      Schedule schedule = Cron(expression);
      schedule.gap = gap;
      const Cursor cursor{Utc("2026-03-27T00:00:00Z"), 0};
      ASSERT_OK_AND_ASSIGN(const auto fires,
                           PreviewFires(schedule, cursor, cursor.watermark, 1000));
      ASSERT_OK_AND_ASSIGN(const auto recurrence, CompileRecurrence(schedule));
      const Plan plan = PlanFires(schedule.id, *recurrence, PolicyOf(schedule), cursor, {}, {},
                                  fires.back().due_at, 2000);
      ASSERT_EQ(plan.fires.size(), fires.size());
      for (size_t i = 0; i < fires.size(); ++i) {
        EXPECT_EQ(plan.fires[i].key.due_at, fires[i].due_at);
      }
    }
  }
}

TEST(PreviewTest, RefusesWhatCannotBeComputed) {
  EXPECT_THAT(PreviewFires(Cron("61 * * * *"), {}, absl::UnixEpoch(), 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
  for (int count : {0, 1001}) {
    const auto status = PreviewFires(Cron("@daily"), {}, absl::UnixEpoch(), count).status();
    ASSERT_THAT(FieldViolationsOf(status), SizeIs(1));
    EXPECT_EQ(FieldViolationsOf(status)[0].field, "count");
  }
}

}  // namespace
}  // namespace z4j::scheduler
