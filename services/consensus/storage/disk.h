#ifndef Z4J_CONSENSUS_STORAGE_DISK_H_
#define Z4J_CONSENSUS_STORAGE_DISK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The seam to a directory of files.  What is written is visible at once and durable after Sync();
// a name is durable after SyncDirectory().  Shipped: the machine's file system, and a memory twin
// that can lose unsynced sectors, tear, rot, fill up and fail (testing/).  Thread-safe per object
// if the objects are distinct.
namespace z4j::consensus {

class File {
 public:
  virtual ~File() = default;
  // Fills `size` bytes from `offset`; shorter at the end of the file.
  virtual absl::StatusOr<std::string> Read(uint64_t offset, size_t size) = 0;
  // RESOURCE_EXHAUSTED: the disk is full; what was written is undefined within the range.
  virtual absl::Status Write(uint64_t offset, std::string_view bytes) = 0;
  // Makes the written bytes durable.  After an error nothing is known about any earlier unsynced
  // byte: the caller must not try again but end the process.
  virtual absl::Status Sync() = 0;
  virtual absl::Status Truncate(uint64_t size) = 0;
  virtual absl::StatusOr<uint64_t> Size() = 0;
};

// Names have no slashes.
class Disk {
 public:
  virtual ~Disk() = default;
  // NOT_FOUND unless `create`.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& name, bool create) = 0;
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;  // Sorted.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& name) = 0;
  virtual absl::Status SyncDirectory() = 0;
  virtual absl::StatusOr<uint64_t> FreeBytes() = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_DISK_H_
