#include "services/scheduler/audit/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() {
    std::string pattern = testing::TempDir() + "/keysXXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/audit.keys";
  }
  ~KeyFileTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& text, mode_t mode) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
  }
  std::string Read() {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  std::string folder_, path_;
  const std::string hex_ = std::string(64, 'a');
};

TEST_F(KeyFileTest, IsMadeOnceForItsOwnerAloneAndThenRead) {
  ASSERT_OK_AND_ASSIGN(const Keyring made, LoadOrCreateKeyFile(path_));
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string text = Read();
  ASSERT_OK_AND_ASSIGN(const Keyring again, LoadOrCreateKeyFile(path_));
  EXPECT_EQ(Read(), text);
  EXPECT_EQ(made.current_id(), again.current_id());
  EXPECT_EQ(*made.Find(made.current_id()), *again.Find(made.current_id()));
  EXPECT_EQ(made.Find(made.current_id())->size(), kAuditKeyBytesMin);
  // Nothing else is left in the folder.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(KeyFileTest, IsNotMadeWhenOnlyLoaded) {
  EXPECT_THAT(LoadKeyFile(path_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(KeyFileTest, IsRefusedIfOthersMayReadIt) {
  for (const mode_t mode : {0640, 0604, 0620, 0644}) {
    Write(absl::StrCat("a:", hex_, "\n"), mode);
    EXPECT_THAT(LoadOrCreateKeyFile(path_),
                StatusIs(absl::StatusCode::kFailedPrecondition, testing::HasSubstr("chmod 600")));
  }
  chmod(path_.c_str(), 0400);
  EXPECT_OK(LoadKeyFile(path_));
}

TEST_F(KeyFileTest, HoldsTheCurrentKeyFirstAndOlderOnesBelow) {
  Write(absl::StrCat("# why\n\n  new-2:", hex_, "  \r\nold.1:", std::string(80, 'b'), "\n"), 0600);
  ASSERT_OK_AND_ASSIGN(const Keyring keys, LoadKeyFile(path_));
  EXPECT_EQ(keys.current_id(), "new-2");
  EXPECT_EQ(*keys.Find("new-2"), std::string(32, '\xaa'));
  EXPECT_EQ(*keys.Find("old.1"), std::string(40, '\xbb'));
  EXPECT_EQ(keys.Find("other"), nullptr);
}

TEST_F(KeyFileTest, AMalformedLineIsNamedWithoutItsContent) {
  const std::vector<std::string> bad_lines = {hex_,          "a:" + hex_ + "g",     ":" + hex_,
                                              "a b:" + hex_, "a:" + hex_.substr(1), "a:"};
  for (const std::string& bad : bad_lines) {
    const absl::Status status = ParseKeyFile("# first line\n" + bad).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("line 2")));
    EXPECT_FALSE(absl::StrContains(status.message(), "aaaa")) << status;
  }
  EXPECT_THAT(ParseKeyFile("# nothing\n"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseKeyFile("a:aabb"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
