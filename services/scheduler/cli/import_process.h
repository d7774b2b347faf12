#ifndef Z4J_SCHEDULER_CLI_IMPORT_PROCESS_H_
#define Z4J_SCHEDULER_CLI_IMPORT_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The Python half of an import or export as a process, and lines from it or from a file.
namespace z4j::scheduler {

// A child process whose standard output we read; its standard error is ours.  It is ended with us,
// however we end, and when this object goes.
class Child {
 public:
  // Starts command[0], looked up in PATH, with the descriptor `input`, which stays ours, as its
  // standard input; -1: it has none.  INVALID_ARGUMENT with the system's reason if it cannot be
  // run.
  static absl::StatusOr<Child> Start(const std::vector<std::string>& command, int input = -1);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  int output() const { return output_; }
  // Waits for its end.  Its exit code, or 128 and the signal that ended it.
  int Wait();

 private:
  Child(pid_t pid, int output) : pid_(pid), output_(output) {}

  pid_t pid_;  // -1: ended, or moved from.
  int output_;
};

// Lines of a descriptor as they come.
class LineStream {
 public:
  explicit LineStream(int descriptor) : descriptor_(descriptor) {}

  // Waits for at most `wait`, or until a signal is handled, and calls `take` with each line that is
  // whole, without its end.  False: that was the end of the file.  INVALID_ARGUMENT for a line of
  // more than kImportLineBytesMax bytes.
  absl::StatusOr<bool> Take(absl::Duration wait,
                            absl::FunctionRef<absl::Status(const std::string& line)> take);

 private:
  absl::Status Split(absl::string_view block,
                     absl::FunctionRef<absl::Status(const std::string& line)> take);

  // A file's lines come so many at a time, a pipe's as many as it holds.
  static constexpr size_t kBlockBytes = 1024 * 1024;

  const int descriptor_;
  const std::unique_ptr<char[]> block_ = std::make_unique_for_overwrite<char[]>(kBlockBytes);
  std::string held_;  // The beginning of a line.
};

// Calls `take` with each line of `descriptor`, until the end of the file or the first error, as
// LineStream does; the descriptor stays open.
absl::Status ForEachLine(int descriptor,
                         absl::FunctionRef<absl::Status(const std::string& line)> take);

// The Python to start: `given`, else that of the active virtualenv, else "python3".
std::string PythonPath(const std::string& given);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_PROCESS_H_
