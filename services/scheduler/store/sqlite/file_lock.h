#ifndef Z4J_SCHEDULER_STORE_SQLITE_FILE_LOCK_H_
#define Z4J_SCHEDULER_STORE_SQLITE_FILE_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace z4j::scheduler::sqlite {

// Holds a file locked (flock) as long as it lives; the kernel lets go when the process dies.
class FileLock {
 public:
  // Creates the file if need be.  FAILED_PRECONDITION, with the holder's process id, if another
  // FileLock holds it, here or in another process.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path);
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_FILE_LOCK_H_
