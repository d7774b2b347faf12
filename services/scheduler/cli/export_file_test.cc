#include "services/scheduler/cli/export_file.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExportFileTest : public ::testing::Test {
 protected:
  ExportFileTest() {
    std::string folder = ::testing::TempDir() + "/export_file.XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~ExportFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Place() const { return (folder_ / "beat.py").string(); }
  std::string Text() const {
    std::ifstream file(Place());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::filesystem::path folder_;
};

TEST_F(ExportFileTest, AppearsUnderItsNameWhenItIsComplete) {
  {
    auto file = ExportFile::Open(Place(), "", /*force=*/false);
    ASSERT_OK(file);
    EXPECT_THAT(file->path(), ::testing::EndsWith("/beat.py"));  // As a module it has its name.
    EXPECT_OK(WriteText(file->path(), "x = 1\n"));
    EXPECT_EQ(Text(), "");
    EXPECT_OK(file->Commit());
  }
  EXPECT_EQ(Text(), "x = 1\n");
  EXPECT_THAT(Names(), ElementsAre("beat.py"));
}

TEST_F(ExportFileTest, LeavesNothingIfItIsNotCommitted) {
  {
    auto file = ExportFile::Open(Place(), "", /*force=*/false);
    ASSERT_OK(file);
    EXPECT_OK(WriteText(file->path(), "half"));
  }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(ExportFileTest, AFileThatIsThereStaysUnlessForced) {
  EXPECT_OK(WriteText(Place(), "mine"));
  EXPECT_THAT(ExportFile::Open(Place(), "", /*force=*/false).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("--force replaces it")));
  auto file = ExportFile::Open(Place(), "", /*force=*/true);
  ASSERT_OK(file);
  EXPECT_OK(WriteText(file->path(), "new"));
  EXPECT_EQ(Text(), "mine");
  EXPECT_OK(file->Commit());
  EXPECT_EQ(Text(), "new");
}

TEST_F(ExportFileTest, AFileThatCameMeanwhileStays) {
  auto file = ExportFile::Open(Place(), "", /*force=*/false);
  ASSERT_OK(file);
  EXPECT_OK(WriteText(file->path(), "new"));
  EXPECT_OK(WriteText(Place(), "mine"));
  EXPECT_THAT(file->Commit(), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(Text(), "mine");
}

TEST_F(ExportFileTest, AFolderThatIsNotThereIsNamed) {
  EXPECT_THAT(ExportFile::Open("/no/such/folder/beat.py", "", false).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/no/such/folder/beat.py")));
  EXPECT_THAT(ExportFile::Open(folder_, "", true).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is a folder")));
}

}  // namespace
}  // namespace z4j::scheduler
