#include "services/scheduler/core/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'795'305'600);  // 2026-11-22, a Sunday.

// "CODE field" of each note.
std::vector<std::string> Codes(const Schedule& schedule) {
  std::vector<std::string> codes;
  for (const LintNote& note : Lint(schedule, kNow)) {
    EXPECT_NE(note.message, "");
    EXPECT_NE(note.fix, "");
    codes.push_back(absl::StrCat(note.code, " ", note.field));
  }
  return codes;
}
std::vector<std::string> Cron(absl::string_view expression, DayMatch match = DayMatch::kOr) {
  return Codes(CronIn("UTC", expression, {.day_match = match}));
}
// The fields of a cron that is not given as an expression.
struct Spelled {
  std::string minute = "", hour = "", day_of_month = "", month = "", day_of_week = "", year = "";
};
std::vector<std::string> Fields(const Spelled& fields, const std::string& raw = "") {
  CronSpec cron;
  cron.minute = fields.minute;
  cron.hour = fields.hour;
  cron.day_of_month = fields.day_of_month;
  cron.month = fields.month;
  cron.day_of_week = fields.day_of_week;
  cron.year = fields.year;
  Schedule schedule;
  schedule.spec = cron;
  if (!raw.empty()) schedule.source.emplace().raw = raw;
  return Codes(schedule);
}

TEST(LintTest, OrdinarySchedulesHaveNoNotes) {
  for (const char* expression :
       {"0 3 * * *", "*/15 * * * *", "*/5 * * * 1-5", "* * * * *", "0 */6 * * *", "0 0 1 */3 *",
        "0 0 L * *", "30 9-17 * * mon-fri", "0 * * * *", "1 * * * *", "7 * * * *", "0 0 1,15 * *",
        "0 0 * * 1,3,5", "0 0 28 * *", "*/10 * * * * *", "0 9,18 * * *"}) {
    EXPECT_THAT(Cron(expression), IsEmpty()) << expression;
  }
  EXPECT_THAT(Codes(IntervalOf(absl::Hours(48), kNow, Arithmetic::kAbsolute)), IsEmpty());
  EXPECT_THAT(Codes(IntervalOf(absl::Seconds(90), kNow, Arithmetic::kAbsolute)), IsEmpty());
}

TEST(LintTest, AnHourOrADayWithoutAMinuteRunsSixtyTimesAnHour) {
  for (const char* expression :
       {"* 5 * * *", "* 9-17 * * *", "* * 1 * *", "* * * 6 *", "* * * * mon"}) {
    EXPECT_THAT(Cron(expression), ElementsAre("EVERY_MINUTE spec.cron.expression")) << expression;
  }
  EXPECT_THAT(Fields({.hour = "5"}), ElementsAre("EVERY_MINUTE spec.cron.minute"));
  EXPECT_THAT(Cron("* 0 3 * * *"), ElementsAre("EVERY_SECOND spec.cron.expression"));
}

TEST(LintTest, ASingleMinuteThatReadsLikeAStep) {
  EXPECT_THAT(Fields({.minute = "10"}), ElementsAre("LONE_MINUTE spec.cron.minute"));
  const LintNote note = Lint(CronIn("UTC", "10 * * * *"), kNow).at(0);
  EXPECT_EQ(note.message, "once an hour, at minute 10");
  EXPECT_EQ(note.fix, "for every 10 minutes write */10");
  EXPECT_THAT(Cron("10 3 * * *"), IsEmpty());
}

TEST(LintTest, StepsThatDoNotDivideTheirField) {
  EXPECT_THAT(Cron("*/45 * * * *"), ElementsAre("UNEVEN_STEP spec.cron.expression"));
  EXPECT_THAT(Cron("0 */5 * * *"), ElementsAre("UNEVEN_STEP spec.cron.expression"));
  EXPECT_THAT(Cron("0 0 */2 * *"), ElementsAre("UNEVEN_STEP spec.cron.expression"));
  EXPECT_THAT(Cron("0 0 1 */5 *"), ElementsAre("UNEVEN_STEP spec.cron.expression"));
  EXPECT_THAT(Cron("0 0 * * */2"), ElementsAre("UNEVEN_STEP spec.cron.expression"));
  EXPECT_THAT(Cron("0 */24 * * *"), ElementsAre("STEP_TOO_LARGE spec.cron.expression"));
  EXPECT_EQ(Lint(CronIn("UTC", "*/45 * * * *"), kNow).at(0).message,
            "a step of 45 begins anew with each hour: minutes 0, 45, then 0 again");
}

TEST(LintTest, StepsThatAnImportWroteAsLists) {
  EXPECT_THAT(Fields({.minute = "0", .hour = "0,5,10,15,20"}),
              ElementsAre("UNEVEN_STEP spec.cron.hour"));
  EXPECT_THAT(Fields({.minute = "0", .hour = "0", .day_of_week = "0,1,3,5"}),  // From Monday on.
              ElementsAre("UNEVEN_STEP spec.cron.day_of_week"));
  // Two values, or one, may be meant: but not if the source says otherwise.
  EXPECT_THAT(Fields({.minute = "0,45"}), IsEmpty());
  EXPECT_THAT(Fields({.minute = "0,45"}, "<crontab: */45 * * * * (m/h/dM/MY/d)>"),
              ElementsAre("UNEVEN_STEP spec.cron.minute"));
  EXPECT_THAT(Fields({.minute = "0", .hour = "0"}, "0 */24 * * *"),
              ElementsAre("STEP_TOO_LARGE spec.cron.hour"));
  EXPECT_THAT(Fields({.minute = "0,45"}, "*/450"), IsEmpty());
}

TEST(LintTest, BothDayFields) {
  EXPECT_THAT(Cron("0 0 13 * 5"), ElementsAre("BOTH_DAY_FIELDS spec.cron.expression"));
  EXPECT_THAT(Cron("0 0 13 * 5", DayMatch::kAnd),
              ElementsAre("BOTH_DAY_FIELDS spec.cron.expression"));
  EXPECT_THAT(Lint(CronIn("UTC", "0 0 13 * 5"), kNow).at(0).message, HasSubstr("either"));
  // The second Monday of a month.
  EXPECT_THAT(Cron("0 0 8-14 * 1", DayMatch::kAnd), IsEmpty());
  EXPECT_THAT(Cron("0 0 8-14 * 1"), ElementsAre("BOTH_DAY_FIELDS spec.cron.expression"));
}

TEST(LintTest, DaysThatMonthsLack) {
  EXPECT_THAT(Cron("0 0 31 * *"), ElementsAre("SHORT_MONTHS spec.cron.expression"));
  EXPECT_THAT(Cron("0 0 31 1,3 *"), IsEmpty());
  Schedule schedule;
  schedule.spec = CalendarIntervalSpec{.months = 1, .start_date = absl::CivilDay(2026, 1, 31)};
  EXPECT_THAT(Codes(schedule), ElementsAre("SHORT_MONTHS spec.calendar_interval.start_date"));
  schedule.spec = CalendarIntervalSpec{.years = 1, .start_date = absl::CivilDay(2026, 1, 31)};
  EXPECT_THAT(Codes(schedule), IsEmpty());
  schedule.spec = CalendarIntervalSpec{.months = 1, .start_date = absl::CivilDay(2026, 1, 28)};
  EXPECT_THAT(Codes(schedule), IsEmpty());
}

TEST(LintTest, ADayAndSomeHoursIsNotATimeOfTheDay) {
  const Schedule schedule = IntervalOf(absl::Hours(26), kNow, Arithmetic::kAbsolute);
  EXPECT_THAT(Codes(schedule), ElementsAre("DAYS_AND_HOURS spec.interval.period"));
  EXPECT_THAT(Lint(schedule, kNow).at(0).fix, HasSubstr("\"0 2 * * *\""));
}

TEST(LintTest, AnExpiryThatAWaitingQueueOutlasts) {
  Schedule schedule = CronIn("UTC", "0 3 * * *");
  schedule.expires = absl::Seconds(10);
  EXPECT_THAT(Codes(schedule), ElementsAre("EXPIRES_SOON expires"));
  schedule.expires = absl::Hours(1);
  EXPECT_THAT(Codes(schedule), ElementsAre("EXPIRES_BEFORE_NEXT expires"));
  schedule.expires = absl::Hours(24);
  EXPECT_THAT(Codes(schedule), IsEmpty());
}

TEST(LintTest, WhatNeverComesAgainOrNotForLong) {
  EXPECT_THAT(
      Fields({.minute = "0", .hour = "0", .day_of_month = "1", .month = "1", .year = "2024"}),
      ElementsAre("YEARS_PAST spec.cron.year"));
  EXPECT_THAT(
      Fields({.minute = "0", .hour = "0", .day_of_month = "1", .month = "1", .year = "2100"}),
      ElementsAre("FAR_AWAY spec.cron.year"));
  Schedule ended = CronIn("UTC", "0 3 * * *");
  ended.end_at = kNow - absl::Hours(1);
  EXPECT_THAT(Codes(ended), ElementsAre("NO_FIRE_LEFT end_time"));
  Schedule past;
  past.spec = OneShotSpec{kNow - absl::Hours(1)};
  EXPECT_THAT(Codes(past), ElementsAre("NO_FIRE_LEFT spec"));
  past.state = ScheduleState::kFinished;
  EXPECT_THAT(Codes(past), IsEmpty());
}

TEST(LintTest, ATimeThatClocksChangeOver) {
  EXPECT_THAT(Codes(CronIn("America/New_York", "30 2 * * *")), ElementsAre("DST_TIME spec"));
  EXPECT_EQ(Lint(CronIn("America/New_York", "30 2 * * *"), kNow).at(0).message,
            "02:30 is left out when clocks go forward on 2027-03-14: due when they have (gap "
            "NEXT_VALID)");
  const Schedule two = CronIn("Europe/Berlin", "15,30 2 * * *", {.gap = GapPolicy::kSkip});
  EXPECT_EQ(
      Lint(two, kNow).at(0).message,
      "02:15 and 1 more are left out when clocks go forward on 2027-03-28: not due then (gap "
      "SKIP); 02:15 and 1 more come twice when clocks go back on 2027-10-31: due at the first "
      "(fold FIRST)");
  for (const char* zone : {"UTC", "Asia/Kolkata", "UTC+05:30"}) {
    EXPECT_THAT(Codes(CronIn(zone, "30 2 * * *")), IsEmpty()) << zone;
  }
  EXPECT_THAT(Codes(CronIn("America/New_York", "30 4 * * *")), IsEmpty());
  EXPECT_THAT(Codes(CronIn("America/New_York", "30 * * * 1-5")), IsEmpty());
  EXPECT_THAT(Codes(CronIn("America/New_York", "30 2 1 6 *")), IsEmpty());
  Schedule calendar;
  calendar.time_zone = "America/New_York";
  calendar.spec =
      CalendarIntervalSpec{.days = 1, .at_second = 9000, .start_date = absl::CivilDay(2026, 1, 1)};
  EXPECT_THAT(Codes(calendar), ElementsAre("DST_TIME spec"));
}

TEST(LintTest, HoursThatSomeoneHasMovedToUtc) {
  Schedule schedule = CronIn("America/New_York", "0 14 * * *");
  schedule.name = "report";
  EXPECT_THAT(Codes(schedule), IsEmpty());
  schedule.name = "report-9am";  // 14:00 UTC in winter.
  EXPECT_THAT(Codes(schedule), ElementsAre("UTC_HOURS time_zone"));
  schedule.name = "report-10:00";  // 14:00 UTC in summer.
  EXPECT_THAT(Codes(schedule), ElementsAre("UTC_HOURS time_zone"));
  EXPECT_THAT(Lint(schedule, kNow).at(0).message, HasSubstr("say 10:00, which is 14:00 in UTC"));
  schedule.name = "report-2pm";
  EXPECT_THAT(Codes(schedule), IsEmpty());
  schedule.name = "report-11am";
  EXPECT_THAT(Codes(schedule), IsEmpty());
  schedule.description = "Each day at 14:00 UTC.";
  EXPECT_THAT(Codes(schedule), ElementsAre("UTC_HOURS time_zone"));
  schedule.description = "Each day at 2 pm (19:00 UTC in winter).";
  EXPECT_THAT(Codes(schedule), IsEmpty());
  schedule.time_zone = "UTC";
  EXPECT_THAT(Codes(schedule), IsEmpty());
}

TEST(LintTest, SaysNothingOfWhatCannotBeComputed) {
  EXPECT_THAT(Cron("61 * * * *"), IsEmpty());
  EXPECT_THAT(Codes(CronIn("Mars/Phobos", "* 5 * * *")), IsEmpty());
}

class LintTogetherTest : public testing::Test {
 protected:
  void Add(int count, absl::string_view expression, absl::Duration jitter = {}) {
    for (; count > 0; --count) {
      schedules_.push_back(std::make_unique<Schedule>(CronIn("UTC", expression)));
      schedules_.back()->name = absl::StrCat("s", schedules_.size());
      schedules_.back()->jitter = jitter;
    }
  }
  std::vector<LintNote> Notes() const {
    std::vector<const Schedule*> all;
    for (const auto& schedule : schedules_) all.push_back(schedule.get());
    return LintTogether(all, kNow);
  }

  std::vector<std::unique_ptr<Schedule>> schedules_;
};

TEST_F(LintTogetherTest, HundredsInOneSecondAreOneNote) {
  Add(60, "0 3 * * *");
  Add(39, "0 * * * *");
  EXPECT_THAT(Notes(), IsEmpty());
  Add(1, "0 */3 * * *");
  const std::vector<LintNote> notes = Notes();
  ASSERT_EQ(notes.size(), 1);
  EXPECT_EQ(notes[0].code, "SAME_SECOND");
  EXPECT_EQ(notes[0].message,
            "100 schedules (s1, s2, s3, …) come due in one second, 2026-11-22 03:00:00Z");
}

TEST_F(LintTogetherTest, WhatIsSpreadByJitterOrPausedDoesNotCount) {
  Add(300, "0 3 * * *", absl::Minutes(5));
  Add(99, "0 3 * * *");
  EXPECT_THAT(Notes(), IsEmpty());
  Add(1, "0 3 * * *");
  EXPECT_EQ(Notes().size(), 1);
  schedules_.back()->state = ScheduleState::kPaused;
  EXPECT_THAT(Notes(), IsEmpty());
}

}  // namespace
}  // namespace z4j::scheduler
