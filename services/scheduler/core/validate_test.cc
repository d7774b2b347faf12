#include "services/scheduler/core/validate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'780'000'000);

CronSpec Cron(const char* expression) {
  CronSpec cron;
  cron.expression = expression;
  return cron;
}

Schedule Good() {
  Schedule schedule;
  schedule.project = "payroll";
  schedule.name = "Monthly:run_2.eu-west";
  schedule.engine = "celery";
  schedule.task = "payroll.tasks.run";
  schedule.time_zone = "Europe/Berlin";
  schedule.spec = Cron("0 6 1 * *");
  return schedule;
}

using Change = std::function<void(Schedule&)>;

std::vector<FieldViolation> ViolationsAfter(const Change& change) {
  Schedule schedule = Good();
  change(schedule);
  return FieldViolationsOf(ValidateSchedule(schedule, kNow));
}

// Expects exactly one violation, of `field`, whose text holds every one of `parts`.
void ExpectRefused(const Change& change, const std::string& field,
                   const std::vector<std::string>& parts) {
  const std::vector<FieldViolation> violations = ViolationsAfter(change);
  ASSERT_EQ(violations.size(), 1) << field;
  EXPECT_EQ(violations[0].field, field);
  for (const std::string& part : parts) EXPECT_THAT(violations[0].description, HasSubstr(part));
}
void ExpectAccepted(const Change& change) { EXPECT_THAT(ViolationsAfter(change), IsEmpty()); }

TEST(ValidateTest, AcceptsAnOrdinarySchedule) { EXPECT_OK(ValidateSchedule(Good(), kNow)); }

TEST(ValidateTest, RefusesProjectsThatAreNoDnsLabel) {
  for (const char* bad : {"", "Payroll", "1st", "pay-", "-pay", "pay_roll", "päy"}) {
    ExpectRefused([&](Schedule& s) { s.project = bad; }, "project", {"63", "lower-case"});
  }
  ExpectRefused([](Schedule& s) { s.project = std::string(64, 'a'); }, "project", {"63"});
  ExpectAccepted([](Schedule& s) { s.project = "a" + std::string(62, '9'); });
  ExpectAccepted([](Schedule& s) { s.project = "a"; });
}

TEST(ValidateTest, RefusesNamesThatAResourcePathCannotHold) {
  for (const char* bad : {"", "a/b", "a b", ".a", "-a", "é", "a\n"}) {
    ExpectRefused([&](Schedule& s) { s.name = bad; }, "name", {"200"});
  }
  ExpectRefused([](Schedule& s) { s.name = std::string(201, 'a'); }, "name", {"201 bytes", "200"});
  ExpectAccepted([](Schedule& s) { s.name = std::string(200, 'a'); });
}

TEST(ValidateTest, BoundsTextsByCharactersNotBytes) {
  std::string umlauts;
  for (int i = 0; i < kTaskCharsMax; ++i) umlauts += "ä";
  ExpectAccepted([&](Schedule& s) { s.task = umlauts; });
  ExpectRefused([&](Schedule& s) { s.task = umlauts + "ä"; }, "task", {"501 characters", "500"});
  ExpectRefused([](Schedule& s) { s.task = ""; }, "task", {"empty"});
  ExpectRefused([](Schedule& s) { s.task = "a\nb"; }, "task", {"control character", "position 2"});
  ExpectRefused([](Schedule& s) { s.task = std::string("a\0b", 3); }, "task", {"00 hex"});
  ExpectRefused([](Schedule& s) { s.queue = "\xff"; }, "queue", {"UTF-8"});
  ExpectRefused([](Schedule& s) { s.queue = std::string(201, 'q'); }, "queue", {"201", "200"});
  ExpectAccepted([](Schedule& s) { s.description = "two\n\tlines"; });
  ExpectRefused([](Schedule& s) { s.description = std::string(4001, 'd'); }, "description",
                {"4001", "4000"});
}

TEST(ValidateTest, RefusesEnginesThatAreNoIdentifier) {
  for (const char* bad : {"", "Celery", "my engine", "a.b"}) {
    ExpectRefused([&](Schedule& s) { s.engine = bad; }, "engine", {"50", "celery"});
  }
  ExpectRefused([](Schedule& s) { s.engine = std::string(51, 'e'); }, "engine", {"50"});
  ExpectAccepted([](Schedule& s) { s.engine = "my_engine-2"; });
}

TEST(ValidateTest, RefusesArgumentsThatAreNotTheRightJson) {
  ExpectRefused([](Schedule& s) { s.args_json = "[1,"; }, "args_json", {"\"[1,\"", "not valid"});
  ExpectRefused([](Schedule& s) { s.args_json = ""; }, "args_json", {"not valid JSON"});
  ExpectRefused([](Schedule& s) { s.args_json = "[NaN]"; }, "args_json", {"not valid JSON"});
  ExpectRefused([](Schedule& s) { s.args_json = "[] []"; }, "args_json", {"not valid JSON"});
  ExpectRefused([](Schedule& s) { s.args_json = "{}"; }, "args_json", {"object", "array"});
  ExpectRefused([](Schedule& s) { s.kwargs_json = "[]"; }, "kwargs_json", {"array", "object"});
  ExpectAccepted([](Schedule& s) { s.kwargs_json = "{\"a\": [1, null, \"\\u0000ü\"]}"; });
}

TEST(ValidateTest, BoundsArgumentsInSizeAndDepth) {
  const auto of_size = [](int bytes) { return "[\"" + std::string(bytes - 4, 'x') + "\"]"; };
  ExpectAccepted([&](Schedule& s) { s.args_json = of_size(kPayloadBytesMax); });
  ExpectRefused([&](Schedule& s) { s.args_json = of_size(kPayloadBytesMax + 1); }, "args_json",
                {"65537 bytes", "65536"});
  const auto of_depth = [](int n) { return std::string(n, '[') + std::string(n, ']'); };
  ExpectAccepted([&](Schedule& s) { s.args_json = of_depth(kJsonDepthMax); });
  ExpectRefused([&](Schedule& s) { s.args_json = of_depth(kJsonDepthMax + 1); }, "args_json",
                {"65 levels", "64"});
  ExpectRefused([&](Schedule& s) { s.args_json = of_depth(30'000); }, "args_json", {"64"});
}

TEST(ValidateTest, BoundsNumbers) {
  ExpectAccepted([](Schedule& s) { s.priority = -100; });
  ExpectAccepted([](Schedule& s) { s.priority = 100; });
  ExpectRefused([](Schedule& s) { s.priority = 101; }, "priority", {"101", "-100 to 100"});
  ExpectRefused([](Schedule& s) { s.priority = -101; }, "priority", {"-101"});
  ExpectRefused([](Schedule& s) { s.catch_up_max = 0; }, "catch_up_max", {"1 to 1000"});
  ExpectRefused([](Schedule& s) { s.catch_up_max = 1001; }, "catch_up_max", {"1001"});
  ExpectRefused([](Schedule& s) { s.max_fires = -1; }, "max_fires", {"-1", "0"});
  ExpectRefused([](Schedule& s) { s.retry.max_attempts = -1; }, "retry.max_attempts", {"0 to"});
  ExpectRefused([](Schedule& s) { s.retry.max_attempts = 1001; }, "retry.max_attempts", {"1000"});
}

TEST(ValidateTest, BoundsDurations) {
  const struct {
    absl::Duration Schedule::*field;
    const char* name;
    absl::Duration max;
  } kFields[] = {{&Schedule::expires, "expires", kExpiresMax},
                 {&Schedule::catch_up_window, "catch_up_window", kCatchUpWindowMax},
                 {&Schedule::jitter, "jitter", kJitterMax}};
  for (const auto& [field, name, max] : kFields) {
    const auto set = [field = field](absl::Duration to) {
      return [field, to](Schedule& s) { s.*field = to; };
    };
    ExpectAccepted(set(absl::ZeroDuration()));
    ExpectAccepted(set(max));
    ExpectRefused(set(max + absl::Microseconds(1)), name, {absl::FormatDuration(max)});
    ExpectRefused(set(-absl::Microseconds(1)), name, {"-1us", "0 to"});
    ExpectRefused(set(absl::Nanoseconds(1500)), name, {"1.5us", "microsecond"});
    ExpectRefused(set(absl::InfiniteDuration()), name, {"inf"});
  }
}

TEST(ValidateTest, RefusesBackoffsThatAreInsane) {
  const auto backoff = [](absl::Duration initial, absl::Duration max) {
    return [=](Schedule& s) { s.retry = {0, initial, max}; };
  };
  ExpectAccepted(backoff(kRetryBackoffMin, kRetryBackoffMin));
  ExpectRefused(backoff(absl::ZeroDuration(), absl::Seconds(1)), "retry.initial_backoff", {"10ms"});
  ExpectRefused(backoff(absl::Seconds(1), absl::Hours(2)), "retry.max_backoff", {"2h", "1h"});
  ExpectRefused(backoff(absl::Seconds(2), absl::Seconds(1)), "retry.max_backoff", {"1s", "(2s)"});
}

TEST(ValidateTest, BoundsTheRetryOfRuns) {
  const auto with = [](RunRetry retry) { return [=](Schedule& s) { s.run_retry = retry; }; };
  using absl::Seconds;
  ExpectAccepted(with({}));
  ExpectAccepted(with({.max_attempts = 100, .backoff_multiplier = 10, .on = {RunEnd::kFailed}}));
  ExpectRefused(with({.max_attempts = -1}), "run_retry.max_attempts", {"-1", "0 to 100"});
  ExpectRefused(with({.max_attempts = 101}), "run_retry.max_attempts", {"101", "100"});
  ExpectRefused(with({.backoff_multiplier = 0.5}), "run_retry.backoff_multiplier", {"0.5", "1 to"});
  ExpectRefused(with({.backoff_multiplier = 10.5}), "run_retry.backoff_multiplier", {"10.5", "10"});
  ExpectRefused(with({.backoff_multiplier = std::nan("")}), "run_retry.backoff_multiplier",
                {"nan"});
  ExpectRefused(with({.initial_backoff = absl::ZeroDuration()}), "run_retry.initial_backoff",
                {"10ms"});
  ExpectRefused(with({.max_backoff = absl::Hours(24 * 8)}), "run_retry.max_backoff",
                {"192h", "168h"});
  ExpectRefused(with({.initial_backoff = Seconds(2), .max_backoff = Seconds(1)}),
                "run_retry.max_backoff", {"1s", "(2s)"});
  ExpectRefused(with({.on = {static_cast<RunEnd>(0)}}), "run_retry.on[0]", {"0", "1 to 2"});
  ExpectRefused(with({.on = {RunEnd::kFailed, RunEnd::kFailed}}), "run_retry.on[1]", {"twice"});
  ExpectRefused(with({.on_lost = static_cast<OnLost>(9)}), "run_retry.on_lost", {"9", "1 to 3"});
}

TEST(ValidateTest, RefusesAnEndBeforeTheStart) {
  ExpectAccepted([](Schedule& s) { s.start_at = s.end_at = kNow; });
  ExpectRefused(
      [](Schedule& s) {
        s.start_at = kNow;
        s.end_at = kNow - absl::Microseconds(1);
      },
      "end_at", {"in the past", "start_at", "2026-05-28T20:26:40+00:00"});
  ExpectRefused([](Schedule& s) { s.start_at = absl::InfiniteFuture(); }, "start_at", {"2199"});
  ExpectRefused([](Schedule& s) { s.end_at = kNow + absl::Nanoseconds(1); }, "end_at",
                {"microsecond"});
}

TEST(ValidateTest, RefusesAOneShotOutsideItsLifetime) {
  ExpectRefused(
      [](Schedule& s) {
        s.spec = OneShotSpec{kNow};
        s.start_at = kNow + absl::Seconds(1);
      },
      "spec.one_shot.at", {"start_at", "never fire"});
  ExpectRefused(
      [](Schedule& s) {
        s.spec = OneShotSpec{kNow};
        s.end_at = kNow - absl::Seconds(1);
      },
      "spec.one_shot.at", {"end_at", "never fire"});
  ExpectAccepted([](Schedule& s) { s.spec = OneShotSpec{kNow - absl::Hours(24)}; });
}

TEST(ValidateTest, BoundsLabels) {
  ExpectAccepted([](Schedule& s) { s.adapter_labels = {{"region", "eu"}}; });
  ExpectRefused(
      [](Schedule& s) {
        s.adapter_labels = {{"a=b", "1"}};
      },
      "adapter_labels[\"a=b\"]", {"200"});
  ExpectAccepted([](Schedule& s) { s.affinity_key = "customer ä"; });
  ExpectRefused([](Schedule& s) { s.affinity_key = std::string(201, 'k'); }, "affinity_key",
                {"201", "200"});
  ExpectAccepted([](Schedule& s) { s.labels = {{"team/cost-centre", "42 ä"}, {"b", ""}}; });
  ExpectRefused([](Schedule& s) { s.labels = {{"a=b", "1"}}; }, "labels[\"a=b\"]", {"200"});
  ExpectRefused(
      [](Schedule& s) {
        s.labels = {{"a", std::string(201, 'v')}};
      },
      "labels[\"a\"]", {"201", "200"});
  ExpectRefused(
      [](Schedule& s) {
        for (int i = 0; i <= kLabelsMax; ++i) s.labels[absl::StrCat("l", i)] = "";
      },
      "labels", {"33", "32"});
}

TEST(ValidateTest, BoundsEngineOptions) {
  ExpectAccepted([](Schedule& s) { s.engine_options = {{"headers", "{\"a\":1}"}, {"x", "3"}}; });
  ExpectRefused(
      [](Schedule& s) {
        s.engine_options = {{"x", "abc"}};
      },
      "engine_options[\"x\"]", {"\"abc\"", "JSON"});
  ExpectRefused([](Schedule& s) { s.engine_options = {{"", "1"}}; }, "engine_options[\"\"]", {});
  ExpectRefused(
      [](Schedule& s) {
        s.engine_options = {{"x", std::string(kEngineOptionBytesMax + 1, '1')}};
      },
      "engine_options[\"x\"]", {"8193", "8192"});
  ExpectRefused(
      [](Schedule& s) {
        for (int i = 0; i <= kEngineOptionsMax; ++i) s.engine_options[absl::StrCat("o", i)] = "1";
      },
      "engine_options", {"33", "32"});
}

TEST(ValidateTest, RefusesUnknownEnumValues) {
  ExpectRefused([](Schedule& s) { s.gap = static_cast<GapPolicy>(4); }, "gap", {"4", "1 to 3"});
  ExpectRefused([](Schedule& s) { s.fold = static_cast<FoldPolicy>(4); }, "fold", {"0 to 3"});
  ExpectRefused([](Schedule& s) { s.catch_up = static_cast<CatchUp>(0); }, "catch_up", {"0"});
  ExpectRefused([](Schedule& s) { s.overlap = static_cast<Overlap>(9); }, "overlap", {"9"});
  ExpectRefused([](Schedule& s) { s.jitter_mode = static_cast<JitterMode>(3); }, "jitter_mode",
                {"1 to 2"});
  ExpectRefused(
      [](Schedule& s) {
        CronSpec cron = Cron("@daily");
        cron.day_match = static_cast<DayMatch>(7);
        s.spec = cron;
      },
      "spec.cron.day_match", {"7"});
}

TEST(ValidateTest, RefusesSpecsThatCannotBeComputed) {
  ExpectRefused([](Schedule& s) { s.spec = Cron("0 0 30 2 *"); }, "spec.cron.expression",
                {"never"});
  ExpectRefused(
      [](Schedule& s) {
        s.spec = IntervalSpec{absl::Milliseconds(999), kNow};
      },
      "spec.interval.period", {"999ms", "1s"});
  ExpectRefused(
      [](Schedule& s) {
        s.spec = IntervalSpec{kPeriodMax + absl::Seconds(1), kNow};
      },
      "spec.interval.period", {"87672h"});
  ExpectRefused(
      [](Schedule& s) {
        s.spec = SolarSpec{SolarEvent::kSunset, 91, 0, {}};
      },
      "spec.solar.latitude", {"91", "90"});
  ExpectRefused([](Schedule& s) { s.time_zone = "Mars/Olympus"; }, "time_zone",
                {"Mars/Olympus", "IANA"});
  ExpectRefused([](Schedule& s) { s.time_zone = ""; }, "time_zone",
                {"required", "IANA", "Europe/Berlin"});
}

TEST(ValidateTest, NamesEveryFaultAtOnce) {
  const std::vector<FieldViolation> violations = ViolationsAfter([](Schedule& s) {
    s.name = "";
    s.args_json = "{";
    s.priority = 1000;
    s.time_zone = "Nowhere";
    s.spec = SolarSpec{SolarEvent::kSunrise, 91, 181, {}};
  });
  std::vector<std::string> fields;
  for (const FieldViolation& v : violations) fields.push_back(v.field);
  EXPECT_THAT(fields, ElementsAre("name", "args_json", "priority", "time_zone",
                                  "spec.solar.latitude", "spec.solar.longitude"));
}

TEST(ValidateTest, AMessageIsNotGarbledByWhatItQuotes) {
  const auto violations = ViolationsAfter([](Schedule& s) { s.engine = "a\x1e\x1f\n\"b"; });
  ASSERT_EQ(violations.size(), 1);
  EXPECT_THAT(violations[0].description, HasSubstr("\"a\\x1e\\x1f\\n\\\"b\""));
}

TEST(TextRulesTest, KnowsUtf8) {
  const auto check = [](absl::string_view text) {
    return CheckText(text, 0, 100, TextShape::kOneLine);
  };
  for (absl::string_view good : {"", "a", "ß", "€", "😀", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    EXPECT_EQ(check(good), "") << absl::string_view(good);
  }
  // Stray, overlong, surrogate, beyond the last character, cut short.
  for (absl::string_view bad :
       {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "a\xe2\x82"}) {
    EXPECT_THAT(check(bad), HasSubstr("UTF-8"));
  }
}

}  // namespace
}  // namespace z4j::scheduler
