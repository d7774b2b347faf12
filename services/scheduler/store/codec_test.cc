#include "services/scheduler/store/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"
#include "services/scheduler/store/page_token.h"

namespace z4j::scheduler {
namespace {

using testing::HasSubstr;

// Draws schedules in which every field takes its edges and values between.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Schedule Draw() {
    Schedule s;
    s.id.value = Uuid::FromName({}, Text());
    for (std::string* text : {&s.project, &s.name, &s.description, &s.engine, &s.task, &s.args_json,
                              &s.kwargs_json, &s.queue, &s.time_zone, &s.state_reason}) {
      *text = Text();
    }
    s.priority = Number<int>();
    s.expires = Duration();
    s.engine_options = Map();
    s.spec = DrawSpec();
    s.gap = static_cast<GapPolicy>(Below(3) + 1);
    s.fold = static_cast<FoldPolicy>(Below(4));
    s.catch_up = static_cast<CatchUp>(Below(3) + 1);
    s.catch_up_window = Duration();
    s.catch_up_max = Number<int>();
    s.overlap = static_cast<Overlap>(Below(3) + 1);
    if (Below(2)) s.start_at = Time();
    if (Below(2)) s.end_at = Time();
    s.max_fires = Number<int64_t>();
    s.jitter = Duration();
    s.jitter_mode = static_cast<JitterMode>(Below(2) + 1);
    s.retry = {Number<int>(), Duration(), Duration()};
    if (Below(2)) s.run_retry = DrawRunRetry();
    s.labels = Map();
    s.state = static_cast<ScheduleState>(Below(4) + 1);
    if (Below(2)) s.pause = Pause{Text(), Text(), Time(), Time()};
    s.created_at = Time();
    s.updated_at = Time();
    s.revision = Number<int64_t>();
    return s;
  }

 private:
  RunRetry DrawRunRetry() {
    RunRetry retry = {Number<int>(), Duration(), Below(1000) / 7.0, Duration(), {}, OnLost::kHold};
    for (uint64_t i = Below(3); i > 0; --i) retry.on.push_back(static_cast<RunEnd>(Below(2) + 1));
    retry.on_lost = static_cast<OnLost>(Below(3) + 1);
    return retry;
  }
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string Text() {
    static const char* const kPieces[] = {"", "a", "\"", "\\", "\n", "\x01", "ü", "世界", "😀", "/"};
    std::string text;
    for (uint64_t i = Below(5); i > 0; --i) text += kPieces[Below(std::size(kPieces))];
    return text;
  }
  template <typename N>
  N Number() {
    switch (Below(4)) {
      case 0:
        return 0;
      case 1:
        return std::numeric_limits<N>::max();
      case 2:
        return std::numeric_limits<N>::min();
      default:
        return static_cast<N>(random_());
    }
  }
  absl::Duration Duration() {
    return Below(3) ? absl::Microseconds(static_cast<int64_t>(random_()) >> Below(60))
                    : absl::ZeroDuration();
  }
  absl::Time Time() {
    switch (Below(4)) {
      case 0:
        return absl::InfinitePast();
      case 1:
        return absl::InfiniteFuture();
      default:
        return absl::FromUnixMicros(static_cast<int64_t>(random_()) >> (4 + Below(56)));
    }
  }
  double Degrees() {
    return Below(4) ? std::uniform_real_distribution<double>(-180, 180)(random_) : 0;
  }
  std::map<std::string, std::string> Map() {
    std::map<std::string, std::string> map;
    for (uint64_t i = Below(4); i > 0; --i) map[Text()] = Text();
    return map;
  }
  Spec DrawSpec() {
    switch (Below(5)) {
      case 0: {
        CronSpec cron;
        for (std::string* text :
             {&cron.expression, &cron.second, &cron.minute, &cron.hour, &cron.day_of_month,
              &cron.month, &cron.day_of_week, &cron.year, &cron.iso_week}) {
          *text = Text();
        }
        cron.day_match = static_cast<DayMatch>(Below(2) + 1);
        cron.microsecond = Number<int>();
        return cron;
      }
      case 1:
        return IntervalSpec{Duration(), Time(), static_cast<Arithmetic>(Below(2) + 1)};
      case 2:
        return OneShotSpec{Time()};
      case 3:
        return CalendarIntervalSpec{
            Number<int>(), Number<int>(), Number<int>(),
            Number<int>(), Number<int>(), absl::CivilDay() + static_cast<int64_t>(Below(80'000))};
      default:
        return SolarSpec{static_cast<SolarEvent>(Below(10) + 1), Degrees(), Degrees(), Duration()};
    }
  }

  std::mt19937_64 random_;
};

TEST(CodecTest, EveryScheduleComesBackExactlyAndWithTheSameBytes) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  Generator generator(seed);
  for (int i = 0; i < 5000; ++i) {
    const Schedule schedule = generator.Draw();
    const std::string text = EncodeSchedule(schedule);
    ASSERT_OK_AND_ASSIGN(const Schedule again, DecodeSchedule(text));
    ASSERT_EQ(again, schedule) << "seed " << seed << ": " << text;
    ASSERT_EQ(EncodeSchedule(again), text) << "seed " << seed;
    // Its keys stand in the order of their bytes, and its texts are escaped where they must be.
    ASSERT_EQ(nlohmann::json::parse(text).dump(), text) << "seed " << seed;
  }
}

TEST(CodecTest, WritesTheseBytesForEver) {
  // MACs stand over this text: a change here breaks the audit chain of every user.
  EXPECT_EQ(
      EncodeSchedule(FullSample("n").schedule),
      R"({"args_json":"[\"ü\",1.50]","catch_up":"fire_all","catch_up_max":3,)"
      R"("catch_up_window":25200000000,"created_at":1700000000123457,)"
      R"("description":"Grüße, 世界 \"quoted\" \\ \n\t\u0001 end","end_at":"infinite_future",)"
      R"("engine":"celery","engine_options":{"acks_late":"true","x":"{}"},"expires":1,)"
      R"("fold":"both","gap":"skip","id":"a782e9eb-1e86-5826-9d23-d4fca675ae01",)"
      R"("jitter":1500000,"jitter_mode":"hash","kwargs_json":"{\"b\":1, \"a\":2}",)"
      R"("labels":{"env":"prod","größe":"\"10%_\""},"max_fires":1099511627776,"name":"n",)"
      R"("overlap":"buffer_one","pause":{"actor":"cli:root","reason":"maintenance",)"
      R"("since":1700000003123457,"until":"infinite_future"},"priority":-100,"project":"p",)"
      R"("queue":"slow","retry":{"initial_backoff":2000000,"max_attempts":5,)"
      R"("max_backoff":3600000000},"revision":12,"spec":{"event":"dusk_nautical",)"
      R"("kind":"solar","latitude":59.913868,"longitude":-0.1,"offset":-5400000000},)"
      R"("start_at":1700000000123458,"state":"paused","state_reason":"why",)"
      R"("task":"tasks.add","time_zone":"Europe/Oslo","updated_at":1700000009123457})");
}

TEST(CodecTest, WritesARetryOfRunsOnlyWhereThereIsOne) {
  Schedule schedule = FullSample("n").schedule;
  const std::string without = EncodeSchedule(schedule);
  EXPECT_THAT(without, testing::Not(HasSubstr("run_retry")));
  schedule.run_retry = RunRetry{.max_attempts = 3,
                                .backoff_multiplier = 1.5,
                                .on = {RunEnd::kExpiredInQueue, RunEnd::kFailed},
                                .on_lost = OnLost::kFail};
  const std::string with = EncodeSchedule(schedule);
  const std::string text =
      R"("run_retry":{"backoff_multiplier":1.5,"initial_backoff":10000000,"max_attempts":3,)"
      R"("max_backoff":3600000000,"on":["expired_in_queue","failed"],"on_lost":"fail"},)";
  EXPECT_EQ(absl::StrReplaceAll(with, {{text, ""}}), without) << with;
  for (const auto& [from, to] :
       {std::pair{"[\"expired", "[1,\"expired"}, std::pair{"\"failed\"]", "\"falied\"]"},
        std::pair{"[\"expired_in_queue\",\"failed\"]", "\"failed\""}}) {
    const std::string bad = absl::StrReplaceAll(with, {{from, to}});
    ASSERT_NE(bad, with) << from;
    EXPECT_THAT(DecodeSchedule(bad), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("\"on\"")));
  }
}

TEST(CodecTest, WritesADateAsTextAndAMicrosecondOnlyWhereThereIsOne) {
  Schedule schedule = FullSample("n").schedule;
  schedule.spec = CalendarIntervalSpec{
      .months = 1, .at_second = 32'400, .start_date = absl::CivilDay(2026, 1, 31)};
  const std::string text = EncodeSchedule(schedule);
  const std::string spec = R"("spec":{"at_second":32400,"kind":"calendar_interval","months":1,)"
                           R"("start_date":"2026-01-31"})";
  EXPECT_THAT(text, HasSubstr(spec));
  for (const char* bad : {"2026-02-30", "2026-1-31", "infinite_past", ""}) {
    EXPECT_THAT(DecodeSchedule(absl::StrReplaceAll(text, {{"2026-01-31", bad}})),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("\"start_date\"")))
        << bad;
  }
  CronSpec cron;
  cron.expression = "@daily";
  schedule.spec = cron;
  EXPECT_THAT(EncodeSchedule(schedule),
              HasSubstr(R"("spec":{"day_match":"or","expression":"@daily","kind":"cron"})"));
  cron.microsecond = 123'456;
  schedule.spec = cron;
  EXPECT_THAT(EncodeSchedule(schedule), HasSubstr(R"("microsecond":123456)"));
}

TEST(CodecTest, WritesASourceOnlyWhereThereIsOneAndTheStateShadowAsAWord) {
  Schedule schedule = FullSample("n").schedule;
  schedule.state = ScheduleState::kShadow;
  schedule.pause.reset();
  const std::string without = EncodeSchedule(schedule);
  EXPECT_THAT(without, testing::Not(HasSubstr("\"source\"")));
  EXPECT_THAT(without, HasSubstr(R"("state":"shadow",)"));
  schedule.source.emplace();
  schedule.source->kind = "celery";
  schedule.source->version = "5.7.0";
  schedule.source->locator = "proj:app";
  schedule.source->key = "mail";
  schedule.source->raw = "{'a': 1}";
  schedule.source->digest = "0a";
  schedule.source->import_id = "i-1";
  const std::string with = EncodeSchedule(schedule);
  const std::string text =
      R"("source":{"digest":"0a","import_id":"i-1","key":"mail","kind":"celery",)"
      R"("locator":"proj:app","raw":"{'a': 1}","version":"5.7.0"},)";
  EXPECT_EQ(absl::StrReplaceAll(with, {{text, ""}}), without) << with;
  ASSERT_OK_AND_ASSIGN(const Schedule again, DecodeSchedule(with));
  EXPECT_EQ(again, schedule);
}

TEST(CodecTest, WritesTheChoiceOfAdaptersOnlyWhereThereIsOne) {
  Schedule schedule = FullSample("n").schedule;
  const std::string without = EncodeSchedule(schedule);
  EXPECT_THAT(without, testing::Not(HasSubstr("adapter_labels")));
  EXPECT_THAT(without, testing::Not(HasSubstr("affinity_key")));
  schedule.adapter_labels = {{"region", "eu"}};
  schedule.affinity_key = "customer 7";
  const std::string with = EncodeSchedule(schedule);
  const std::string text = R"("adapter_labels":{"region":"eu"},"affinity_key":"customer 7",)";
  EXPECT_EQ(absl::StrReplaceAll(with, {{text, ""}}), without) << with;
  ASSERT_OK_AND_ASSIGN(const Schedule decoded, DecodeSchedule(with));
  EXPECT_EQ(decoded, schedule);
}

TEST(CodecTest, RefusesTextThatItDoesNotWrite) {
  const std::string good = EncodeSchedule(FullSample("n").schedule);
  ASSERT_OK(DecodeSchedule(good));
  const std::pair<const char*, const char*> kFaults[] = {
      {"\"priority\":-100", "\"priority\":-100,\"zeal\":1"},  // A key of a newer version.
      {"\"kind\":\"solar\"", "\"kind\":\"solar\",\"zeal\":1"},
      {"\"priority\":-100", "\"priority\":-1e2"},
      {"\"priority\":-100", "\"priority\":3000000000"},
      {"\"revision\":12", "\"revision\":9223372036854775808"},
      {"\"priority\":-100", "\"priority\":\"-100\""},
      {"\"gap\":\"skip\"", "\"gap\":\"jump\""},
      {"\"gap\":\"skip\",", ""},
      {"\"kind\":\"solar\"", "\"kind\":\"lunar\""},
      {"\"latitude\":59.913868", "\"latitude\":null"},
      {"\"created_at\":1700000000123457,", ""},
      {"\"end_at\":\"infinite_future\"", "\"end_at\":\"never\""},
      {"\"id\":\"a782e9eb", "\"id\":\"x782e9eb"},
      {"\"env\":\"prod\"", "\"env\":1"},
      {"{\"actor\":\"cli:root\"", "[{\"actor\":\"cli:root\""},
      {"\"labels\":{", "\"labels\":[],\"labelz\":{"},
  };
  for (const auto& [from, to] : kFaults) {
    const std::string bad = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(bad, good) << from;
    EXPECT_THAT(DecodeSchedule(bad), StatusIs(absl::StatusCode::kDataLoss)) << to;
  }
  for (const char* bad : {"", "null", "[]", "{}", "{", "1", "\xff"}) {
    EXPECT_THAT(DecodeSchedule(bad), StatusIs(absl::StatusCode::kDataLoss)) << bad;
  }
  for (size_t size = 0; size < good.size(); size += 7) {
    EXPECT_THAT(DecodeSchedule(good.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(CodecTest, NamesTheKeyThatIsWrong) {
  const std::string good = EncodeSchedule(FullSample("n").schedule);
  EXPECT_THAT(DecodeSchedule(absl::StrReplaceAll(good, {{"\"event\":\"dusk", "\"event\":\"dust"}})),
              StatusIs(absl::StatusCode::kDataLoss,
                       testing::AllOf(HasSubstr("\"spec\""), HasSubstr("\"event\""))));
}

TEST(CodecTest, ADefaultThatChangesLaterChangesNoStoredSchedule) {
  const std::string text = EncodeSchedule(Schedule());
  for (const char* key : {"args_json", "catch_up", "catch_up_max", "catch_up_window", "time_zone",
                          "gap", "fold", "overlap", "retry", "state", "jitter_mode"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("\"", key, "\":")));
  }
}

TEST(CodecTest, MicrosecondsKeepTheInfinities) {
  for (absl::Time time : {absl::InfinitePast(), absl::InfiniteFuture(), At(0.000001),
                          absl::FromUnixMicros(-1), absl::UnixEpoch()}) {
    EXPECT_EQ(FromMicros(ToMicros(time)), time);
  }
}

TEST(PageTokenTest, ComesBackAndIsBoundToItsOrder) {
  ScheduleQuery query;
  query.order = ScheduleOrder::kUpdated;
  const SchedulePosition last{-5, "Größe \"/\""};
  query.after = ScheduleToken(query, last);
  EXPECT_EQ(ParseScheduleToken(query).value(), last);
  query.order = ScheduleOrder::kCreated;
  EXPECT_THAT(ParseScheduleToken(query), StatusIs(absl::StatusCode::kInvalidArgument));
  FireQuery fires;
  const FireKey key{{Uuid::Random()}, At(0.000001), Uuid::Random()};
  fires.after = FireToken(fires, key);
  EXPECT_EQ(ParseFireToken(fires).value(), key);
  fires.ascending = true;
  EXPECT_THAT(ParseFireToken(fires), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
