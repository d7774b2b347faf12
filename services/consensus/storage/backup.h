#ifndef Z4J_CONSENSUS_STORAGE_BACKUP_H_
#define Z4J_CONSENSUS_STORAGE_BACKUP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/consensus/storage/log_storage.h"

// A snapshot outside of any directory, for operators: the bytes of a snapshot's file (formats.md),
// of the node that gave it.  Pure.
namespace z4j::consensus {

struct Backup {
  NodeIdentity identity;  // Who gave it.
  SnapshotMeta meta;
  std::string state;
  std::string sha256;  // Of header and state: names the backup.
};

// The whole file.
std::string EncodeBackup(const NodeIdentity& identity, const SnapshotMeta& meta,
                         std::string_view state);

// Verifies all of it.  DATA_LOSS: it is no such file, is cut off, or a byte is wrong.
// FAILED_PRECONDITION: a newer version's.
absl::StatusOr<Backup> DecodeBackup(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_BACKUP_H_
