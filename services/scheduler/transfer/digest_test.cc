#include "services/scheduler/transfer/digest.h"

#include <gmock/gmock.h>

namespace z4j::scheduler {
namespace {

Schedule Nightly() {
  Schedule schedule;
  schedule.engine = "celery";
  schedule.task = "proj.nightly";
  CronSpec cron;
  cron.minute = "0";
  cron.hour = "5";
  schedule.spec = cron;
  schedule.time_zone = "Europe/Berlin";
  return schedule;
}

TEST(DigestTest, TheTextHoldsWhatIsNotTheDefaultAndNothingElse) {
  EXPECT_EQ(DefinitionText(Nightly()),
            R"({"cron":{"hour":"5","minute":"0"},"engine":"celery","task":"proj.nightly",)"
            R"("time_zone":"Europe/Berlin"})");
}

TEST(DigestTest, WhatNamesAScheduleAndWhatBecameOfItDoNotCount) {
  Schedule other = Nightly();
  other.name = "another";
  other.project = "p";
  other.state = ScheduleState::kPaused;
  other.pause.emplace().reason = "disk is full";
  other.source = ImportSource{"celery", "5.7.0", "proj:app", "nightly", "raw", "digest", "id"};
  other.labels["team"] = "billing";
  other.created_at = absl::UnixEpoch();
  other.revision = 7;
  EXPECT_EQ(DefinitionDigest(other), DefinitionDigest(Nightly()));
}

TEST(DigestTest, EveryPartOfWhatItDoesCounts) {
  const std::string plain = DefinitionDigest(Nightly());
  const auto differs = [&](auto change) {
    Schedule schedule = Nightly();
    change(schedule);
    return DefinitionDigest(schedule) != plain;
  };
  EXPECT_TRUE(differs([](Schedule& s) { s.args_json = "[1]"; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.queue = "slow"; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.priority = 5; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.expires = absl::Seconds(1); }));
  EXPECT_TRUE(differs([](Schedule& s) { s.engine_options["headers"] = "{}"; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.time_zone = "UTC"; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.gap = GapPolicy::kSkip; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.fold = FoldPolicy::kBoth; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.start_at = absl::UnixEpoch(); }));
  EXPECT_TRUE(differs([](Schedule& s) { s.end_at = absl::UnixEpoch(); }));
  EXPECT_TRUE(differs([](Schedule& s) { s.max_fires = 1; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.overlap = Overlap::kSkip; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.retry.max_attempts = 3; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.run_retry = RunRetry{3}; }));
  EXPECT_TRUE(differs([](Schedule& s) { std::get<CronSpec>(s.spec).microsecond = 1; }));
  EXPECT_TRUE(differs([](Schedule& s) { std::get<CronSpec>(s.spec).day_match = DayMatch::kAnd; }));
  EXPECT_TRUE(differs([](Schedule& s) { s.spec = IntervalSpec{absl::Hours(24)}; }));
}

TEST(DigestTest, TheGridOfAnIntervalDoesNotCountButItsPeriodDoes) {
  Schedule a = Nightly(), b = Nightly(), c = Nightly();
  a.spec = IntervalSpec{absl::Minutes(5)};
  b.spec = IntervalSpec{absl::Minutes(5), absl::UnixEpoch()};
  c.spec = IntervalSpec{absl::Minutes(6)};
  EXPECT_EQ(DefinitionDigest(a), DefinitionDigest(b));
  EXPECT_NE(DefinitionDigest(a), DefinitionDigest(c));
}

TEST(DigestTest, RepeatingFailedRunsIsTheSameSpelledOutOrNot) {
  Schedule a = Nightly(), b = Nightly();
  a.run_retry = RunRetry{3};
  b.run_retry = RunRetry{3};
  b.run_retry->on = {RunEnd::kFailed};
  EXPECT_EQ(DefinitionDigest(a), DefinitionDigest(b));
}

}  // namespace
}  // namespace z4j::scheduler
