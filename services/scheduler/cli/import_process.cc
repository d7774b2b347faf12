#include "services/scheduler/cli/import_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
  bool Open() { return pipe2(ends, O_CLOEXEC) == 0; }
  int Take(int i) { return std::exchange(ends[i], -1); }
};

// In the child: only what may be called between fork and exec.
[[noreturn]] void Become(char* const* words, int input, int output, int complaint, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // It ended before we asked to be told.
  dup2(input >= 0 ? input : open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const ssize_t told = write(complaint, &error, sizeof(error));
  _exit(127);
}

}  // namespace

absl::StatusOr<Child> Child::Start(const std::vector<std::string>& command, int input) {
  Pipe output, complaint;
  if (!output.Open() || !complaint.Open()) {
    return absl::InternalError(absl::StrCat("no pipe: ", std::strerror(errno)));
  }
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::InternalError(absl::StrCat("no process: ", std::strerror(errno)));
  if (pid == 0) Become(words.data(), input, output.ends[1], complaint.ends[1], parent);
  Child child(pid, output.Take(0));
  close(complaint.Take(1));
  int error = 0;
  if (read(complaint.ends[0], &error, sizeof(error)) == sizeof(error)) {
    return FieldError("--python",
                      absl::StrCat("cannot run '", command[0], "': ", std::strerror(error),
                                   "; name the Python of your project"));
  }
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), output_(std::exchange(other.output_, -1)) {}

Child::~Child() {
  if (output_ >= 0) close(output_);
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  Wait();
}

int Child::Wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

absl::StatusOr<bool> LineStream::Take(
    absl::Duration wait, absl::FunctionRef<absl::Status(const std::string& line)> take) {
  pollfd ready = {descriptor_, POLLIN, 0};
  const bool is_bound = wait < absl::Hours(1);
  const int polled = poll(&ready, 1, is_bound ? int(absl::ToInt64Milliseconds(wait)) : -1);
  if (polled == 0) return true;
  const ssize_t count = polled < 0 ? -1 : read(descriptor_, block_.get(), kBlockBytes);
  if (count < 0 && errno == EINTR) return true;
  if (count < 0) return absl::InternalError(absl::StrCat("cannot read: ", std::strerror(errno)));
  if (count > 0) {
    RETURN_IF_ERROR(Split({block_.get(), static_cast<size_t>(count)}, take));
    return true;
  }
  if (!held_.empty()) RETURN_IF_ERROR(take(held_));
  return false;
}

absl::Status LineStream::Split(absl::string_view block,
                               absl::FunctionRef<absl::Status(const std::string& line)> take) {
  while (!block.empty()) {
    const size_t stop = block.find('\n');
    held_.append(block.data(), std::min(stop, block.size()));
    if (held_.size() > kImportLineBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("a line of the source has more than ",
                                                     kImportLineBytesMax,
                                                     " bytes: ", held_.substr(0, 100), "…"));
    }
    if (stop == block.npos) break;
    RETURN_IF_ERROR(take(held_));
    held_.clear();
    block.remove_prefix(stop + 1);
  }
  return absl::OkStatus();
}

absl::Status ForEachLine(int descriptor,
                         absl::FunctionRef<absl::Status(const std::string& line)> take) {
  LineStream lines(descriptor);
  while (true) {
    ASSIGN_OR_RETURN(const bool has_more, lines.Take(absl::InfiniteDuration(), take));
    if (!has_more) return absl::OkStatus();
  }
}

std::string PythonPath(const std::string& given) {
  if (!given.empty()) return given;
  const char* active = std::getenv("VIRTUAL_ENV");
  if (active != nullptr && *active != '\0') return absl::StrCat(active, "/bin/python");
  return "python3";
}

}  // namespace z4j::scheduler
