#include "services/scheduler/cli/import_lines.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Line>
Line Read(const std::string& text) {
  const auto line = ParseImportLine(text, "default");
  EXPECT_OK(line);
  EXPECT_TRUE(std::holds_alternative<Line>(*line)) << text;
  return std::get<Line>(*line);
}

TEST(ImportLinesTest, ReadsWhereDefinitionsComeFrom) {
  const auto source = Read<SourceInfo>(
      R"({"type":"source","kind":"celery","version":"5.7.0","locator":"proj.celery:app",)"
      R"("libraries":{"celery":"5.7.0","python":"3.11.2"},"tzdata":"2026.5",)"
      R"("read_at":"2026-11-22T01:00:00Z"})");
  EXPECT_EQ(source.kind, "celery");
  EXPECT_EQ(source.locator, "proj.celery:app");
  EXPECT_EQ(source.libraries.at("python"), "3.11.2");
  EXPECT_EQ(source.tzdata, "2026.5");
  EXPECT_EQ(source.fires_after, absl::InfinitePast());  // It does not say.
  EXPECT_EQ(source.ends, absl::InfiniteFuture());
  EXPECT_EQ(Read<SourceInfo>(R"({"type":"source","kind":"k","ends":"2099-12-30T00:00:00Z"})").ends,
            absl::FromCivil(absl::CivilDay(2099, 12, 30), absl::UTCTimeZone()));
}

TEST(ImportLinesTest, ReadsAScheduleWithItsSourceAndFires) {
  const auto found = Read<FoundLine>(
      R"({"type":"schedule","id":"send-mail","schedule":{"engine":"celery","task":"proj.mail",)"
      R"("spec":{"cron":{"minute":"0","hour":"5","dayMatch":"DAY_MATCH_AND"}},"timeZone":"UTC",)"
      R"("gap":"GAP_POLICY_SHIFT","state":"STATE_PAUSED","pause":{"reason":"disabled there"}},)"
      R"("source":{"kind":"celery","version":"5.7.0","locator":"proj:app","key":"send mail",)"
      R"("raw":"<crontab>"},"exactness":"EQUAL_SET","group":"send-mail","becomes":"cron 0 5 * * *",)"
      R"("reasons":[{"code":"SPLIT","message":"two sets"}],"warnings":[],)"
      R"("fires":[1767243600000000,1767330000000000]})");
  const Definition& definition = found.definition;
  EXPECT_EQ(definition.schedule.project, "default");
  EXPECT_EQ(definition.schedule.name, "send-mail");
  EXPECT_EQ(definition.schedule.gap, GapPolicy::kShift);
  EXPECT_EQ(std::get<CronSpec>(definition.schedule.spec).day_match, DayMatch::kAnd);
  EXPECT_EQ(definition.schedule.state, ScheduleState::kPaused);
  EXPECT_EQ(definition.schedule.pause->reason, "disabled there");
  EXPECT_EQ(definition.schedule.source->key, "send mail");
  EXPECT_EQ(definition.exactness, Exactness::kEqualSet);
  EXPECT_EQ(definition.group, "send-mail");
  EXPECT_THAT(definition.reasons, ElementsAre(Note{"SPLIT", "two sets"}));
  EXPECT_EQ(definition.fires->size(), 2);
  EXPECT_EQ(found.message.source().raw(), "<crontab>");
}

TEST(ImportLinesTest, WithoutFiresThereIsNothingToProve) {
  const auto found = Read<FoundLine>(
      R"({"type":"schedule","id":"a","schedule":{"engine":"celery","task":"t",)"
      R"("spec":{"interval":{"period":"30s"}}},"source":{},"exactness":"EXACT","finished":true})");
  EXPECT_FALSE(found.definition.fires.has_value());
  EXPECT_TRUE(found.definition.finished);
}

TEST(ImportLinesTest, WhatWeDoNotKnowOfExactnessIsNotPromised) {
  const auto found = Read<FoundLine>(
      R"({"type":"schedule","id":"a","schedule":{"spec":{"interval":{"period":"30s"}}},)"
      R"("exactness":"NEARLY"})");
  EXPECT_EQ(found.definition.exactness, Exactness::kApproximate);
}

TEST(ImportLinesTest, AScheduleOfANewerVersionIsRefusedAndStopsNoOther) {
  const auto refusal = Read<Refusal>(
      R"({"type":"schedule","id":"moon","schedule":{"spec":{"lunar":{}}},"exactness":"EXACT",)"
      R"("source":{"key":"Moon"}})");
  EXPECT_EQ(refusal.object, "moon");
  EXPECT_EQ(refusal.code, "NOT_UNDERSTOOD");
  EXPECT_THAT(refusal.reason, HasSubstr("lunar"));
  EXPECT_EQ(refusal.key, "Moon");
  const auto without = Read<Refusal>(R"({"type":"schedule","id":"none","schedule":{}})");
  EXPECT_THAT(without.reason, HasSubstr("schedule.spec"));
}

TEST(ImportLinesTest, ReadsRefusalsProgressAndBothEnds) {
  const auto refusal = Read<Refusal>(
      R"({"type":"refused","object":"x","code":"R1_OPAQUE","reason":"code","remedy":"a cron",)"
      R"("source":{"key":"X"}})");
  EXPECT_EQ(refusal.code, "R1_OPAQUE");
  EXPECT_EQ(refusal.remedy, "a cron");
  EXPECT_EQ(refusal.key, "X");
  EXPECT_EQ(Read<ProgressLine>(R"({"type":"progress","done":500})").total, std::nullopt);
  EXPECT_EQ(Read<ProgressLine>(R"({"type":"progress","done":500,"total":900})").total, 900);
  EXPECT_EQ(Read<EndLine>(R"({"type":"end","schedules":2,"refused":1})").schedules, 2);
  EXPECT_EQ(Read<ErrorLine>(R"({"type":"error","code":"C","message":"m","remedy":"r"})").remedy,
            "r");
}

TEST(ImportLinesTest, AnythingElseIsNamedAsWhatItIs) {
  for (const char* text : {"hello", "[1]", R"({"type":"poem"})", R"({"type":"source"})",
                           R"({"type":"progress","done":"many"})"}) {
    EXPECT_THAT(
        ParseImportLine(text, "default").status(),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no line of z4j-adapter import")))
        << text;
  }
}

}  // namespace
}  // namespace z4j::scheduler
