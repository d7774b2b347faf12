#include "services/base/log.h"

#include <gmock/gmock.h>

namespace z4j {
namespace {

TEST(LogTest, TextQuotesOnlyValuesThatNeedIt) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, LogLevel::kInfo, "T", "gained leadership",
                          {{"token", 7}, {"by", "node a"}}),
            "T info    gained leadership token=7 by=\"node a\"");
}

TEST(LogTest, JsonEscapesWhatWouldBreakTheLine) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, LogLevel::kError, "T", "a\"b", {{"e", "x\ny\\"}}),
            "{\"time\":\"T\",\"level\":\"error\",\"message\":\"a\\\"b\",\"e\":\"x\\u000ay\\\\\"}");
}

}  // namespace
}  // namespace z4j
