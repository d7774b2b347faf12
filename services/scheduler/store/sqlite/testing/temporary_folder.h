#ifndef Z4J_SCHEDULER_STORE_SQLITE_TESTING_TEMPORARY_FOLDER_H_
#define Z4J_SCHEDULER_STORE_SQLITE_TESTING_TEMPORARY_FOLDER_H_

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace z4j::scheduler::sqlite {

// A folder for a test's files, removed with all in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "z4j-sqlite-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  // A database file that no other call returned.
  std::string NewPath() const { return path_ + "/" + std::to_string(++files_) + ".db"; }

 private:
  std::string path_;
  mutable int files_ = 0;
};

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_TESTING_TEMPORARY_FOLDER_H_
