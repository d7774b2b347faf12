#include "services/scheduler/audit/key_file.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/private_file.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

constexpr size_t kKeyFileBytesMax = 64 * 1024;  // Hundreds of keys; anything longer is no key file.
constexpr size_t kKeyIdCharsMax = 64;

absl::Status SystemError(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string text = absl::StrCat(what, " audit key file '", path, "': ", strerror(error));
  return error == ENOENT ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
}

bool IsKeyId(absl::string_view id) {
  return !id.empty() && id.size() <= kKeyIdCharsMax &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    std::abort();  // No randomness, no keys.
  }
  return bytes;
}

absl::Status WriteAll(int fd, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError("cannot write", path);
    text.remove_prefix(static_cast<size_t>(put));
  }
  if (fsync(fd) != 0) return SystemError("cannot sync", path);
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError("cannot open the folder of", path);
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  if (fsync(fd) != 0) return SystemError("cannot sync the folder of", path);
  return absl::OkStatus();
}

// Writes beside `path` and links it there, so that nobody ever sees half a key and the first of
// several processes wins.
absl::Status CreateKeyFile(const std::string& path) {
  const std::string temporary =
      absl::StrCat(path, ".", absl::BytesToHexString(RandomBytes(8)), ".tmp");
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("cannot create", temporary);
  const auto cleanup = absl::MakeCleanup([fd, &temporary] {
    close(fd);
    unlink(temporary.c_str());
  });
  const std::string text = absl::StrCat(
      "# Keys of the audit chain: the current one first, older ones below.  Keep it secret and\n"
      "# keep a copy elsewhere: without it the audit log can neither be verified nor go on.\n",
      "k", absl::BytesToHexString(RandomBytes(4)), ":",
      absl::BytesToHexString(RandomBytes(kAuditKeyBytesMin)), "\n");
  RETURN_IF_ERROR(WriteAll(fd, text, temporary));
  if (link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    return SystemError("cannot create", path);
  }
  return SyncFolderOf(path);
}

}  // namespace

absl::StatusOr<Keyring> ParseKeyFile(absl::string_view text) {
  std::vector<std::pair<std::string, std::string>> keys;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const absl::string_view hex = parts.second;
    if (!IsKeyId(parts.first) || hex.empty() || hex.size() % 2 != 0 ||
        !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
      // The line itself may be a key: it is not repeated.
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, " of the audit key file is not 'key_id:hexadecimal'"));
    }
    keys.emplace_back(parts.first, absl::HexStringToBytes(hex));
  }
  return Keyring::Create(std::move(keys));
}

absl::StatusOr<Keyring> LoadKeyFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadPrivateFile(path, "audit key file", kKeyFileBytesMax));
  return ParseKeyFile(text);
}

absl::StatusOr<Keyring> LoadOrCreateKeyFile(const std::string& path) {
  absl::StatusOr<Keyring> keys = LoadKeyFile(path);
  if (!absl::IsNotFound(keys.status())) return keys;
  RETURN_IF_ERROR(CreateKeyFile(path));
  return LoadKeyFile(path);
}

}  // namespace z4j::scheduler
