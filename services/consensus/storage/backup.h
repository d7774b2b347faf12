#ifndef Z4J_CONSENSUS_STORAGE_BACKUP_H_
#define Z4J_CONSENSUS_STORAGE_BACKUP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/storage/snapshot_format.h"

// A snapshot outside of any directory, for operators: the bytes of a snapshot's file (formats.md),
// of the node that gave it.  Pure.
namespace z4j::consensus {

struct Backup {
  NodeIdentity identity;  // Who gave it.
  SnapshotMeta meta;
  std::string state;
  std::string sha256;  // Of header and state: names the backup.
};

// The file, made piece by piece: the state may be large.
class BackupWriter {
 public:
  BackupWriter(const NodeIdentity& identity, const SnapshotMeta& meta, std::string state);

  uint64_t size() const { return size_; }  // Of the whole.
  // The next bytes, at most `most`; empty: that was all.
  std::string Next(size_t most);

 private:
  const std::string state_;
  std::string made_;  // Not given out yet.
  uint32_t header_crc_ = 0;
  uint64_t size_ = 0;
  Sha256 sha256_;
  uint64_t chunks_ = 0;
  size_t at_ = 0;  // Of the state.
  bool closed_ = false;
};

// The whole file.
std::string EncodeBackup(const NodeIdentity& identity, const SnapshotMeta& meta, std::string state);

// Verifies all of it.  DATA_LOSS: it is no such file, is cut off, or a byte is wrong.
// FAILED_PRECONDITION: a newer version's.
absl::StatusOr<Backup> DecodeBackup(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_BACKUP_H_
