#include "services/scheduler/cli/import_shadow_lines.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using ::testing::HasSubstr;

template <typename Line>
Line Read(const std::string& text) {
  const absl::StatusOr<WatchLine> line = ParseWatchLine(text);
  EXPECT_OK(line);
  return std::get<Line>(*line);
}

TEST(ImportShadowLinesTest, AJobHasItsCallAsFarAsItIsVisible) {
  const auto seen = Read<SeenLine>(
      R"({"type":"seen","task":"a.b","at":1500000,"id":"x","args":[1,"ü"],"kwargs":null})");
  EXPECT_EQ(seen.job.task, "a.b");
  EXPECT_EQ(seen.job.at, absl::FromUnixMillis(1500));
  EXPECT_EQ(seen.job.args, R"([1,"ü"])");
  EXPECT_EQ(seen.job.kwargs, std::nullopt);
  EXPECT_EQ(seen.id, "x");
}

TEST(ImportShadowLinesTest, TheOtherLinesAreRead) {
  EXPECT_EQ(Read<WatchingLine>(R"({"type":"watching","watch":"rq","at":7})").watches, "rq");
  EXPECT_EQ(Read<LostLine>(R"({"type":"lost","from":1,"to":9})").span.end, absl::FromUnixMicros(9));
  EXPECT_EQ(Read<Note>(R"({"type":"warning","code":"C","message":"m"})").message, "m");
  EXPECT_EQ(Read<WatchEndLine>(R"({"type":"end","at":3,"seen":0})").at, absl::FromUnixMicros(3));
  EXPECT_EQ(Read<ErrorLine>(R"({"type":"error","message":"m","remedy":"r"})").remedy, "r");
}

TEST(ImportShadowLinesTest, WhatIsNoLineOfTheWatchIsRefusedWithItsText) {
  for (const char* text : {"Traceback", "[]", R"({"type":"schedule"})", R"({"type":"seen"})",
                           R"({"type":"seen","task":1,"at":"x"})"}) {
    const auto line = ParseWatchLine(text);
    EXPECT_THAT(line.status(), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(text));
  }
}

}  // namespace
}  // namespace z4j::scheduler
