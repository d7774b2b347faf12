#ifndef Z4J_CONSENSUS_STORAGE_WAL_JOIN_H_
#define Z4J_CONSENSUS_STORAGE_WAL_JOIN_H_

#include <optional>
#include <string>
#include <vector>

#include "services/consensus/storage/snapshot_store.h"
#include "services/consensus/storage/wal_recovery.h"

namespace z4j::consensus {

// What log and snapshots say together.
struct JoinedState {
  Recovered recovered;
  // Empty if everything that was confirmed is there.
  std::string damage;
  // The log does not know of the snapshot, which came from a leader: it must be told before
  // anything is appended.
  bool restart_log = false;
};

// Pure; the rule for bad snapshots is in docs/formats.md.
JoinedState JoinLogAndSnapshot(const Config& first_config, const RecoveredLog& log,
                               const std::optional<SnapshotMeta>& newest,
                               const std::vector<BadSnapshot>& bad);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_WAL_JOIN_H_
