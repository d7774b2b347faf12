#include "services/consensus/storage/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::consensus {
namespace {

absl::Status ErrorOf(int error, absl::string_view act, const std::string& path) {
  const std::string message = absl::StrCat(act, " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::DataLossError(message);
  }
}

// Calls `call` until no signal interrupts it.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  void Release() { fd_ = -1; }

 private:
  int fd_;
};

class PosixFile : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::StatusOr<std::string> Read(uint64_t offset, size_t size) override {
    std::string bytes(size, '\0');
    size_t done = 0;
    while (done < size) {
      const ssize_t n = Uninterrupted([&] {
        return pread(fd_.get(), bytes.data() + done, size - done,
                     static_cast<off_t>(offset + done));
      });
      if (n < 0) return ErrorOf(errno, "read", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }

  absl::Status Write(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = Uninterrupted([&] {
        return pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      });
      if (n < 0) return ErrorOf(errno, "write", path_);
      offset += static_cast<uint64_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    // Also brings a changed size to the disk; only times stay behind.
    if (Uninterrupted([&] { return fdatasync(fd_.get()); }) != 0) {
      return ErrorOf(errno, "fdatasync", path_);
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    if (Uninterrupted([&] { return ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return ErrorOf(errno, "truncate", path_);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat about;
    if (fstat(fd_.get(), &about) != 0) return ErrorOf(errno, "stat", path_);
    return static_cast<uint64_t>(about.st_size);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixDisk : public Disk {
 public:
  PosixDisk(Descriptor directory, std::string path)
      : directory_(std::move(directory)), path_(std::move(path)) {}

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& name, bool create) override {
    const int flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0);
    Descriptor fd(
        Uninterrupted([&] { return openat(directory_.get(), name.c_str(), flags, 0600); }));
    if (fd.get() < 0) return ErrorOf(errno, "open", PathOf(name));
    return std::make_unique<PosixFile>(std::move(fd), PathOf(name));
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    // A descriptor of its own: the reading position belongs to the open file, not to the name.
    Descriptor fd(openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return ErrorOf(errno, "list", path_);
    DIR* stream = fdopendir(fd.get());
    if (stream == nullptr) return ErrorOf(errno, "list", path_);
    fd.Release();  // closedir() closes it.
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    const int error = errno;
    closedir(stream);
    if (error != 0) return ErrorOf(error, "list", path_);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) != 0) {
      return ErrorOf(errno, absl::StrCat("rename to ", to, " from"), PathOf(from));
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& name) override {
    if (unlinkat(directory_.get(), name.c_str(), 0) != 0) {
      return ErrorOf(errno, "remove", PathOf(name));
    }
    return absl::OkStatus();
  }

  absl::Status SyncDirectory() override {
    if (Uninterrupted([&] { return fsync(directory_.get()); }) != 0) {
      return ErrorOf(errno, "fsync", path_);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> FreeBytes() override {
    struct statvfs about;
    if (fstatvfs(directory_.get(), &about) != 0) return ErrorOf(errno, "statvfs", path_);
    return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
  }

 private:
  std::string PathOf(const std::string& name) const { return absl::StrCat(path_, "/", name); }

  Descriptor directory_;  // Holds the lock, too.
  std::string path_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Disk>> OpenPosixDisk(const std::string& directory) {
  const bool made = mkdir(directory.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return ErrorOf(errno, "make directory", directory);
  Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrorOf(errno, "open directory", directory);
  if (made) {
    // The directory's own name is durable only when its parent is.
    Descriptor parent(openat(fd.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() < 0 || fsync(parent.get()) != 0) {
      return ErrorOf(errno, "fsync the parent of", directory);
    }
  }
  if (Uninterrupted([&] { return flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return ErrorOf(errno, "lock", directory);
    return absl::FailedPreconditionError(absl::StrCat(
        "directory ", directory, " is in use by another process; two nodes never share one"));
  }
  return std::make_unique<PosixDisk>(std::move(fd), directory);
}

}  // namespace z4j::consensus
