#include "services/scheduler/cli/import_process.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "absl/strings/numbers.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Child> Shell(const std::string& script) {
  return Child::Start({"/bin/sh", "-c", script});
}

std::vector<std::string> Lines(int descriptor) {
  std::vector<std::string> lines;
  EXPECT_OK(ForEachLine(descriptor, [&](const std::string& line) {
    lines.push_back(line);
    return absl::OkStatus();
  }));
  return lines;
}

TEST(ImportProcessTest, ReadsAChildsLinesAndHowItEnded) {
  auto child = Shell("echo one; echo; printf two; exit 3");
  ASSERT_OK(child);
  EXPECT_THAT(Lines(child->output()), ElementsAre("one", "", "two"));
  EXPECT_EQ(child->Wait(), 3);
}

TEST(ImportProcessTest, AChildThatASignalEndedSaysSo) {
  auto child = Shell("kill -9 $$");
  ASSERT_OK(child);
  EXPECT_EQ(child->Wait(), 128 + 9);
}

TEST(ImportProcessTest, WhatCannotBeRunNamesTheFlagAndTheReason) {
  EXPECT_THAT(Child::Start({"/no/such/python", "-V"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot run")));
}

TEST(ImportProcessTest, AChildReadsNoInputOfOurs) {
  auto child = Shell("cat; echo end");
  ASSERT_OK(child);
  EXPECT_THAT(Lines(child->output()), ElementsAre("end"));
}

TEST(ImportProcessTest, AChildReadsTheInputThatItIsGiven) {
  std::FILE* input = std::tmpfile();
  std::fputs("one\ntwo\n", input);
  std::rewind(input);
  auto child = Child::Start({"cat"}, fileno(input));
  ASSERT_OK(child);
  EXPECT_THAT(Lines(child->output()), ElementsAre("one", "two"));
  std::fclose(input);
}

TEST(ImportProcessTest, AChildEndsWithWhoStartedIt) {
  std::optional<Child> child = *Shell("echo $$; exec sleep 600");
  pid_t pid = 0;
  EXPECT_THAT(ForEachLine(child->output(),
                          [&](const std::string& line) {
                            EXPECT_TRUE(absl::SimpleAtoi(line, &pid));
                            return absl::CancelledError("seen");
                          }),
              StatusIs(absl::StatusCode::kCancelled));
  ASSERT_GT(pid, 0);
  EXPECT_EQ(kill(pid, 0), 0);
  child.reset();
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(ImportProcessTest, ALineThatIsTooLongEndsTheReading) {
  auto child = Shell("head -c 5000000 /dev/zero | tr '\\0' x");
  ASSERT_OK(child);
  EXPECT_THAT(ForEachLine(child->output(), [](const std::string&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 4194304 bytes")));
}

TEST(ImportProcessTest, ThePythonOfTheActiveVirtualenvIsTheDefault) {
  setenv("VIRTUAL_ENV", "/home/me/proj/.venv", 1);
  EXPECT_EQ(PythonPath(""), "/home/me/proj/.venv/bin/python");
  EXPECT_EQ(PythonPath("/usr/bin/python3.12"), "/usr/bin/python3.12");
  unsetenv("VIRTUAL_ENV");
  EXPECT_EQ(PythonPath(""), "python3");
}

}  // namespace
}  // namespace z4j::scheduler
