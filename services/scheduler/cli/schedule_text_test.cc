#include "services/scheduler/cli/schedule_text.h"

#include <gtest/gtest.h>

namespace z4j::scheduler {
namespace {

TEST(ScheduleTextTest, ACalendarIntervalReadsAsASentence) {
  v1::Schedule schedule;
  schedule.set_time_zone("UTC+05:30");
  auto& calendar = *schedule.mutable_spec()->mutable_calendar_interval();
  calendar.set_months(1);
  calendar.set_at_time("09:00:00");
  calendar.set_start_date("2026-01-31");
  EXPECT_EQ(SpecText(schedule), "every month at 09:00 from 2026-01-31 (UTC+05:30)");
  calendar.set_years(2);
  calendar.set_days(3);
  calendar.set_at_time("00:00:30");
  EXPECT_EQ(SpecText(schedule),
            "every 2 years and 1 month and 3 days at 00:00:30 from 2026-01-31 (UTC+05:30)");
}

TEST(ScheduleTextTest, ACronShowsItsMicrosecond) {
  v1::Schedule schedule;
  schedule.set_time_zone("UTC");
  schedule.mutable_spec()->mutable_cron()->set_hour("5");
  schedule.mutable_spec()->mutable_cron()->set_microsecond(123456);
  EXPECT_EQ(SpecText(schedule), "cron hour=5 +.123456s (UTC)");
}

}  // namespace
}  // namespace z4j::scheduler
