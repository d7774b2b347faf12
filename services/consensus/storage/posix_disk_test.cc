#include "services/consensus/storage/posix_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "services/base/testing/status_matchers.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PosixDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    parent_ = testing::TempDir() + "z4j-disk-XXXXXX";
    ASSERT_NE(mkdtemp(parent_.data()), nullptr);
    directory_ = parent_ + "/node-1";
  }
  void TearDown() override { std::filesystem::remove_all(parent_); }

  std::string parent_;
  std::string directory_;
};

TEST_F(PosixDiskTest, ReadsBackWhatItWroteUnderTheNewName) {
  ASSERT_OK_AND_ASSIGN(auto disk, OpenPosixDisk(directory_));
  EXPECT_THAT(disk->Open("a", /*create=*/false), StatusIs(absl::StatusCode::kNotFound));
  {
    ASSERT_OK_AND_ASSIGN(auto file, disk->Open("a", /*create=*/true));
    ASSERT_OK(file->Write(3, "hello"));
    ASSERT_OK(file->Sync());
  }
  ASSERT_OK(disk->Rename("a", "b"));
  ASSERT_OK(disk->SyncDirectory());
  EXPECT_THAT(disk->List().value(), ElementsAre("b"));
  EXPECT_THAT(disk->List().value(), ElementsAre("b")) << "again from the beginning";
  ASSERT_OK_AND_ASSIGN(auto file, disk->Open("b", /*create=*/false));
  EXPECT_EQ(file->Read(0, 100).value(), std::string("\0\0\0hello", 8));
  EXPECT_EQ(file->Read(8, 1).value(), "");
  ASSERT_OK(file->Truncate(4));
  EXPECT_EQ(file->Size().value(), 4);
  ASSERT_OK(disk->Remove("b"));
  EXPECT_THAT(disk->Remove("b"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_GT(disk->FreeBytes().value(), 0);
}

TEST_F(PosixDiskTest, IsOneProcessesAlone) {
  {
    ASSERT_OK_AND_ASSIGN(auto disk, OpenPosixDisk(directory_));
    EXPECT_THAT(OpenPosixDisk(directory_),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(directory_)));
  }
  EXPECT_OK(OpenPosixDisk(directory_)) << "free again";
}

TEST_F(PosixDiskTest, NamesTheDirectoryItCannotMake) {
  EXPECT_THAT(OpenPosixDisk(parent_ + "/no/such"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(parent_ + "/no/such")));
}

}  // namespace
}  // namespace z4j::consensus
