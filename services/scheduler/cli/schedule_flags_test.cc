#include "services/scheduler/cli/schedule_flags.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Parsed {
  absl::Status status;
  v1::Schedule schedule;
  std::vector<std::string> mask;
};

Parsed Parse(const std::string& command_line) {
  CLI::App app;
  ScheduleFlags flags;
  flags.AddTo(app, /*spec_only=*/false);
  app.parse(command_line);
  Parsed parsed;
  parsed.status = flags.Fill(absl::FromUnixSeconds(1'800'000'000), parsed.schedule, parsed.mask);
  return parsed;
}

TEST(ScheduleFlagsTest, EveryFlagGivenBecomesItsFieldAndAPathInTheMask) {
  const Parsed parsed = Parse(
      "--cron \"0 3 * * *\" --day-match and -z Europe/Berlin -e celery --priority -5 --jitter 30s "
      "--max-attempts 3 --label team=data");
  ASSERT_OK(parsed.status);
  EXPECT_EQ(parsed.schedule.spec().cron().expression(), "0 3 * * *");
  EXPECT_EQ(parsed.schedule.spec().cron().day_match(), v1::CronSpec::DAY_MATCH_AND);
  EXPECT_EQ(parsed.schedule.priority(), -5);
  EXPECT_EQ(parsed.schedule.jitter().seconds(), 30);
  EXPECT_EQ(parsed.schedule.retry().max_attempts(), 3);
  EXPECT_EQ(parsed.schedule.labels().at("team"), "data");
  EXPECT_THAT(parsed.mask, ElementsAre("spec", "time_zone", "engine", "priority", "jitter",
                                       "retry.max_attempts", "labels"));
}

TEST(ScheduleFlagsTest, NothingGivenChangesNothing) {
  const Parsed parsed = Parse("");
  ASSERT_OK(parsed.status);
  EXPECT_TRUE(parsed.mask.empty());
  EXPECT_EQ(parsed.schedule.ByteSizeLong(), 0);
}

TEST(ScheduleFlagsTest, ContradictionsAreRefusedByTheNameOfAFlag) {
  EXPECT_THAT(Parse("--cron \"* * * * *\" --interval 5s").status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not several")));
  EXPECT_THAT(Parse("--latitude 5").status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Parse("--interval often").status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--interval")));
  EXPECT_THAT(Parse("--priority high").status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--priority")));
}

}  // namespace
}  // namespace z4j::scheduler
