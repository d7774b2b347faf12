#include "services/base/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace z4j {

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path, absl::string_view what,
                                            size_t bytes_max) {
  const std::string name = absl::StrCat(what, " '", path, "'");
  const auto system_error = [&name](absl::string_view act) {
    const int error = errno;
    const std::string text = absl::StrCat(act, " ", name, ": ", strerror(error));
    return error == ENOENT ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open");
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0) return system_error("cannot inspect");
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(name + " is no file");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        name, " may be read or written by others than its owner; run: chmod 600 ", path));
  }
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read");
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is longer than ", bytes_max, " bytes"));
  }
  text.resize(size);
  return text;
}

}  // namespace z4j
