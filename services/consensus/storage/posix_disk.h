#ifndef Z4J_CONSENSUS_STORAGE_POSIX_DISK_H_
#define Z4J_CONSENSUS_STORAGE_POSIX_DISK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/consensus/storage/disk.h"

namespace z4j::consensus {

// A directory of the machine's file system, made if it is missing (its parent is not).  It is
// locked until the Disk dies: FAILED_PRECONDITION, naming the directory, while another process, or
// another Disk of this one, has it.
//
// Errors of the machine: NOT_FOUND (ENOENT), RESOURCE_EXHAUSTED (ENOSPC, EDQUOT), else DATA_LOSS.
// Thread-safe.
absl::StatusOr<std::unique_ptr<Disk>> OpenPosixDisk(const std::string& directory);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_POSIX_DISK_H_
