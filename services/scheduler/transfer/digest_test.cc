#include "services/scheduler/transfer/digest.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

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

// Digests are stored: the text of a definition is the same for ever.
TEST(DigestTest, MembersStandInTheOrderOfTheirNamesAndAreSpelledAsJson) {
  Schedule all = Nightly();
  all.adapter_labels = {{"b", "2"}, {"a", "\"1\"\n"}};
  all.affinity_key = "k";
  all.args_json = "[\"\u00fc\"]";
  all.catch_up = CatchUp::kSkip;
  all.catch_up_max = 3;
  all.catch_up_window = absl::Seconds(2);
  all.description = "\x01 \xff";
  all.end_at = absl::FromUnixMicros(-5);
  all.engine_options = {{"headers", "{}"}};
  all.expires = absl::Seconds(1);
  all.fold = FoldPolicy::kBoth;
  all.gap = GapPolicy::kSkip;
  all.jitter = absl::Seconds(4);
  all.jitter_mode = JitterMode::kHash;
  all.kwargs_json = "{\"a\":1}";
  all.max_fires = 7;
  all.overlap = Overlap::kSkip;
  all.priority = -5;
  all.queue = "slow";
  all.retry = {3, absl::Seconds(2), absl::Minutes(2)};
  all.run_retry = RunRetry{3, absl::Seconds(5), 1.5, absl::Hours(2)};
  all.run_retry->on = {RunEnd::kFailed, RunEnd::kExpiredInQueue};
  all.run_retry->on_lost = OnLost::kRetry;
  all.start_at = absl::UnixEpoch();
  CalendarIntervalSpec calendar;
  calendar.years = calendar.months = calendar.weeks = calendar.days = 1;
  calendar.at_second = 60;
  calendar.start_date = absl::CivilDay(2026, 12, 31);
  CronSpec cron;
  cron.second = cron.minute = cron.hour = cron.day_of_month = cron.month = "1";
  cron.day_of_week = cron.year = cron.iso_week = cron.expression = "2";
  cron.day_match = DayMatch::kAnd;
  cron.microsecond = 9;
  const Spec specs[] = {cron, IntervalSpec{absl::Minutes(5), absl::UnixEpoch(), Arithmetic::kWall},
                        OneShotSpec{absl::UnixEpoch()},
                        SolarSpec{SolarEvent::kSunset, 52.5, -0.1, absl::Minutes(-1)}, calendar};
  for (const Spec& spec : specs) {
    all.spec = spec;
    const std::string text = DefinitionText(all);
    EXPECT_EQ(nlohmann::json::parse(text).dump(), text);
  }
  EXPECT_EQ(DefinitionDigest(all),
            "89934248bf84daffeea73026d40dcc6fb379213d6d3de5db0472f9e90e88c048");
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
