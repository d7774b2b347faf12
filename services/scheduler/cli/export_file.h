#ifndef Z4J_SCHEDULER_CLI_EXPORT_FILE_H_
#define Z4J_SCHEDULER_CLI_EXPORT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace z4j::scheduler {

// A file that appears when all of it is there, or not at all.  It is written under its own name in
// a folder beside its place, which goes with this object.
class ExportFile {
 public:
  // For the file `output`; empty: standard output, to which `name` is written first.
  // ALREADY_EXISTS if there is such a file and not `force`; INVALID_ARGUMENT if it cannot be there.
  static absl::StatusOr<ExportFile> Open(const std::string& output, const std::string& name,
                                         bool force);
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;
  ~ExportFile();

  // Where to write it.
  std::string path() const;
  // Puts what was written into its place, on disk, or prints it.
  absl::Status Commit();

 private:
  ExportFile(std::string output, std::string folder, std::string name, bool force);

  std::string output_, folder_, name_;
  bool force_;
};

// Writes `text` to `path`.
absl::Status WriteText(const std::string& path, const std::string& text);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_EXPORT_FILE_H_
