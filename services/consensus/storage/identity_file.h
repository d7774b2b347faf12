#ifndef Z4J_CONSENSUS_STORAGE_IDENTITY_FILE_H_
#define Z4J_CONSENSUS_STORAGE_IDENTITY_FILE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/raft/types.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/log_storage.h"

namespace z4j::consensus {

inline constexpr char kIdentityFile[] = "identity";

// Who the directory belongs to, and the configuration that its cluster began with.
struct IdentityFile {
  NodeIdentity identity;
  Config first_config;
};

// Durable on return.
absl::Status WriteIdentity(Disk& disk, const IdentityFile& identity);
// NOT_FOUND: the directory is no node's.  DATA_LOSS: the file is damaged.
absl::StatusOr<IdentityFile> ReadIdentity(Disk& disk);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_IDENTITY_FILE_H_
