#include "services/scheduler/store/sqlite/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace z4j::scheduler::sqlite {

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Take(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  std::unique_ptr<FileLock> lock(new FileLock(descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};  // Only for the message, so a torn or empty text does no harm.
    const ssize_t size = read(descriptor, holder, sizeof(holder) - 1);
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is locked: process ",
                     size > 0 ? absl::StripAsciiWhitespace(holder) : absl::string_view("unknown"),
                     " uses this database; stop it, or give this one another file"));
  }
  const std::string self = absl::StrCat(getpid(), "\n");
  if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, self.data(), self.size(), 0) < 0) {
    // The lock is held all the same.
  }
  return lock;
}

FileLock::~FileLock() { close(descriptor_); }

}  // namespace z4j::scheduler::sqlite
