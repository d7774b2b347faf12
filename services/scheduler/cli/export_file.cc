#include "services/scheduler/cli/export_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

namespace fs = std::filesystem;

absl::Status Failed(const std::string& what, const std::string& path) {
  return FieldError("--output", absl::StrCat(what, " '", path, "': ", std::strerror(errno)));
}

// What was written is on disk before it has its name.
absl::Status Sync(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Failed("there is no", path);
  const int result = fsync(file);
  close(file);
  return result == 0 ? absl::OkStatus() : Failed("cannot write", path);
}

absl::Status CheckFree(const std::string& output, bool force) {
  std::error_code error;
  if (fs::is_directory(output, error)) {
    return FieldError("--output", absl::StrCat("'", output, "' is a folder; name a file"));
  }
  if (force || !fs::exists(output, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("--output: '", output, "' is there already; --force replaces it"));
}

}  // namespace

absl::Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  return file ? absl::OkStatus() : Failed("cannot write", path);
}

absl::StatusOr<ExportFile> ExportFile::Open(const std::string& output, const std::string& name,
                                            bool force) {
  RETURN_IF_ERROR(CheckFree(output, force));
  std::error_code error;
  const fs::path place = output.empty() ? fs::temp_directory_path(error) / name : fs::path(output);
  std::string folder =
      (place.parent_path() / absl::StrCat(".", place.filename().string(), ".XXXXXX")).string();
  if (mkdtemp(folder.data()) == nullptr) return Failed("cannot write beside", place.string());
  return ExportFile(output, std::move(folder), place.filename().string(), force);
}

ExportFile::ExportFile(std::string output, std::string folder, std::string name, bool force)
    : output_(std::move(output)),
      folder_(std::move(folder)),
      name_(std::move(name)),
      force_(force) {}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : output_(std::move(other.output_)),
      folder_(std::exchange(other.folder_, "")),
      name_(std::move(other.name_)),
      force_(other.force_) {}

ExportFile::~ExportFile() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

std::string ExportFile::path() const { return folder_ + "/" + name_; }

absl::Status ExportFile::Commit() {
  if (output_.empty()) {
    std::ifstream file(path(), std::ios::binary);
    if (file.peek() != std::ifstream::traits_type::eof()) std::cout << file.rdbuf();
    std::cout.flush();
    return std::cout ? absl::OkStatus() : Failed("cannot write", "standard output");
  }
  RETURN_IF_ERROR(Sync(path()));
  RETURN_IF_ERROR(CheckFree(output_, force_));
  if (std::rename(path().c_str(), output_.c_str()) != 0) return Failed("cannot write", output_);
  return absl::OkStatus();
}

}  // namespace z4j::scheduler
