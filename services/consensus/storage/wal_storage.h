#ifndef Z4J_CONSENSUS_STORAGE_WAL_STORAGE_H_
#define Z4J_CONSENSUS_STORAGE_WAL_STORAGE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/storage/wal_writer.h"

// LogStorage in a directory: identity file, write-ahead log, snapshots.
namespace z4j::consensus {

// Makes a node's directory, once.  `first` is the configuration that its cluster begins with; an
// empty one for a node that will be added to a cluster that runs.  Interrupted, it may be repeated.
//   ALREADY_EXISTS       the directory is a node's.
//   INVALID_ARGUMENT     an identity with a zero, impossible options.
//   RESOURCE_EXHAUSTED   no room for the first segment and the spares.
absl::Status CreateStorage(Disk& disk, const NodeIdentity& identity, const Config& first,
                           const WalOptions& options = {});

// Opens it; `disk` outlives the storage.  Zeros in `expected` are not compared: a node that knows
// only its cluster and number takes the incarnation from identity().
//
// What a torn write left is repaired.  If something that had been confirmed is gone, nothing is
// written, now or later: recovered().damaged is true, damage() says where, and every call that
// would write is DATA_LOSS.  Such a node gets a new directory and a new incarnation.
//   NOT_FOUND            the directory is no node's; CreateStorage makes it one.
//   FAILED_PRECONDITION  it is another node's, or was written by a newer version.
//   DATA_LOSS            the identity cannot be read, or the disk failed.
absl::StatusOr<std::unique_ptr<LogStorage>> OpenStorage(Disk& disk, const NodeIdentity& expected,
                                                        const WalOptions& options = {});

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_WAL_STORAGE_H_
