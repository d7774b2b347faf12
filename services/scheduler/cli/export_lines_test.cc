#include "services/scheduler/cli/export_lines.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename Line>
Line Read(const std::string& text) {
  const auto line = ParseExportLine(text);
  EXPECT_OK(line);
  EXPECT_TRUE(std::holds_alternative<Line>(*line)) << text;
  return std::get<Line>(*line);
}

TEST(ExportLinesTest, ReadsWhatIsWrittenFor) {
  const auto target = Read<TargetInfo>(
      R"({"type":"target","kind":"celery","version":"5.7.0","libraries":{"kombu":"5.5"},)"
      R"("tzdata":"2026e","zone":"Asia/Tokyo"})");
  EXPECT_EQ(target.kind, "celery");
  EXPECT_EQ(target.libraries.at("kombu"), "5.5");
  EXPECT_EQ(target.tzdata, "2026e");
  EXPECT_EQ(target.zone, "Asia/Tokyo");
  EXPECT_EQ(target.ends, absl::InfiniteFuture());
  EXPECT_EQ(Read<TargetInfo>(R"({"type":"target","kind":"taskiq"})").zone, "");
  EXPECT_EQ(Read<TargetInfo>(R"({"type":"target","kind":"k","ends":"1970-01-01T00:00:01Z"})").ends,
            absl::FromUnixSeconds(1));
}

TEST(ExportLinesTest, ReadsAScheduleThatWasWrittenWithItsFiresAfterEachInstant) {
  const auto exported = Read<ExportedLine>(
      R"({"type":"exported","id":"mail","keys":["mail","mail 2"],"becomes":"crontab",)"
      R"("notes":[{"code":"NOT_HELD","message":"labels"}],"fires":[[1000000,2000000],[]]})");
  EXPECT_THAT(exported.keys, ElementsAre("mail", "mail 2"));
  EXPECT_THAT(exported.notes, ElementsAre(Note{"NOT_HELD", "labels"}));
  ASSERT_EQ(exported.fires->size(), 2);
  EXPECT_THAT((*exported.fires)[0],
              ElementsAre(absl::FromUnixSeconds(1), absl::FromUnixSeconds(2)));
  EXPECT_THAT((*exported.fires)[1], IsEmpty());
}

TEST(ExportLinesTest, ATargetThatCannotSayWhenItFiresTellsNoFires) {
  EXPECT_FALSE(Read<ExportedLine>(R"({"type":"exported","id":"a"})").fires.has_value());
}

TEST(ExportLinesTest, ReadsWhatWasRefusedAndHowItEnded) {
  const auto refused = Read<Refusal>(
      R"({"type":"refused","id":"a","code":"R9_NOT_HELD","reason":"years","remedy":"clear"})");
  EXPECT_EQ(refused.object, "a");
  EXPECT_EQ(refused.code, "R9_NOT_HELD");
  EXPECT_EQ(Read<ExportEnd>(R"({"type":"end","exported":2,"refused":1})").exported, 2);
  EXPECT_EQ(Read<ProgressLine>(R"({"type":"progress","done":500})").done, 500);
  EXPECT_THAT(StatusOf(Read<ErrorLine>(
                  R"({"type":"error","code":"X","message":"no app","remedy":"give it"})")),
              StatusIs(absl::StatusCode::kInvalidArgument, "no app: give it"));
}

TEST(ExportLinesTest, ALineOfSomethingElseIsRefused) {
  for (const char* text : {"Traceback", "[]", R"({"type":"schedule"})", R"({"type":"exported"})",
                           R"({"type":"exported","id":"a","fires":[["x"]]})"}) {
    EXPECT_THAT(ParseExportLine(text).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no line of z4j-adapter")))
        << text;
  }
}

}  // namespace
}  // namespace z4j::scheduler
