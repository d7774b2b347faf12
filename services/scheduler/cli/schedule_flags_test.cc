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
  EXPECT_THAT(parsed.mask,
              ElementsAre("spec", "time_zone", "engine", "priority", "jitter", "retry", "labels"));
}

TEST(ScheduleFlagsTest, LabelsOfAdaptersAreGivenOneByOne) {
  const Parsed given =
      Parse("--adapter-label region=eu --adapter-label tier=gold --affinity-key c7");
  ASSERT_OK(given.status);
  EXPECT_EQ(given.schedule.adapter_labels().at("region"), "eu");
  EXPECT_EQ(given.schedule.adapter_labels().at("tier"), "gold");
  EXPECT_EQ(given.schedule.affinity_key(), "c7");
  EXPECT_THAT(given.mask, ElementsAre("affinity_key", "adapter_labels"));
  EXPECT_THAT(Parse("--adapter-label region").status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--adapter-label")));
}

TEST(ScheduleFlagsTest, TheRetryOfRunsIsOnePathHoweverManyFlagsSayIt) {
  const Parsed parsed = Parse(
      "--run-attempts 3 --run-initial-backoff 30s --run-backoff-multiplier 1.5 "
      "--run-max-backoff 2h --run-retry-on failed,expired-in-queue --on-lost retry");
  ASSERT_OK(parsed.status);
  const v1::RunRetry& retry = parsed.schedule.run_retry();
  EXPECT_EQ(retry.max_attempts(), 3);
  EXPECT_EQ(retry.initial_backoff().seconds(), 30);
  EXPECT_EQ(retry.backoff_multiplier(), 1.5);
  EXPECT_EQ(retry.max_backoff().seconds(), 7200);
  EXPECT_THAT(retry.on(), ElementsAre(v1::RUN_END_FAILED, v1::RUN_END_EXPIRED_IN_QUEUE));
  EXPECT_EQ(retry.on_lost(), v1::ON_LOST_RETRY);
  EXPECT_THAT(parsed.mask, ElementsAre("run_retry"));
  EXPECT_THAT(Parse("--run-retry-on failed,lost").status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--run-retry-on")));
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
