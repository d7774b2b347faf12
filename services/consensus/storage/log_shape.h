#ifndef Z4J_CONSENSUS_STORAGE_LOG_SHAPE_H_
#define Z4J_CONSENSUS_STORAGE_LOG_SHAPE_H_

#include <optional>

#include "absl/status/status.h"
#include "services/consensus/raft/raft.h"

namespace z4j::consensus {

// Which entries a log has, and so which writes may follow.  Pure; every LogStorage refuses the
// same.
struct LogShape {
  Index first{1};  // Of the entries that are there, or would be.
  Index next{1};   // After the last one.

  // What LogStorage::Append says of `write`, `newest` being the newest durable snapshot; then the
  // shape after it.  Unchanged on an error.
  absl::Status Apply(const Write& write, const std::optional<SnapshotMeta>& newest);
  // The last entry that `write` leaves as it is, or that its snapshot stands for.
  Index LastBefore(const Write& write) const;
  // The same for LogStorage::Compact.
  absl::Status Compact(Index keep, const std::optional<SnapshotMeta>& newest);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_LOG_SHAPE_H_
