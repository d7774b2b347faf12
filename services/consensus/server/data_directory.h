#ifndef Z4J_CONSENSUS_SERVER_DATA_DIRECTORY_H_
#define Z4J_CONSENSUS_SERVER_DATA_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "services/consensus/server/beginning.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/log_storage.h"

namespace z4j::consensus {

// A node's directory, locked for this process.
struct DataDirectory {
  std::unique_ptr<Disk> disk;  // First: `storage` needs it to the end.
  std::unique_ptr<LogStorage> storage;
};

// Opens the directory of node `id`; makes it first if it is no node's yet, with a new incarnation
// and what `begin` says.  Interrupted, it may be repeated.
//   FAILED_PRECONDITION  another process has it, or it is another node's.
//   DATA_LOSS            as OpenStorage.
// Others as `begin` says: then nothing was made.
absl::StatusOr<DataDirectory> OpenDataDirectory(
    const std::string& path, NodeId id, absl::FunctionRef<absl::StatusOr<Beginning>()> begin);

// Makes `path` and its parents.  UNAVAILABLE.
absl::Status MakeParentsOf(const std::string& path);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_DATA_DIRECTORY_H_
