#ifndef Z4J_CONSENSUS_STORAGE_LOG_STORAGE_H_
#define Z4J_CONSENSUS_STORAGE_LOG_STORAGE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/raft/raft.h"

// The seam to what one node has promised: term and vote, the log, snapshots.
// docs/formats.md has the bytes.
namespace z4j::consensus {

struct NodeIdentity {
  ClusterId cluster;
  NodeId id;
  Incarnation incarnation;
};

// A snapshot being written: invisible until Commit().  Dropped: as if it had never been begun.
class SnapshotWriter {
 public:
  virtual ~SnapshotWriter() = default;
  // How much is there already; a transfer that broke off goes on from here.
  virtual uint64_t size() const = 0;
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Durable and visible, with a check over the whole.
  virtual absl::Status Commit() = 0;
};

class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;
  virtual const SnapshotMeta& meta() const = 0;
  virtual uint64_t size() const = 0;
  // At most `size` bytes from `offset`.  DATA_LOSS if they are not what was written.
  virtual absl::StatusOr<std::string> Read(uint64_t offset, size_t size) = 0;
};

// One thread writes; snapshots may be read and written by another.
class LogStorage {
 public:
  virtual ~LogStorage() = default;

  // What is there, read when the storage was opened.  `damaged` tells rot from a torn tail.
  virtual const Recovered& recovered() const = 0;
  virtual const NodeIdentity& identity() const = 0;

  // Takes the writes in order; durable on return if any of them must_sync.  One sync for all.
  //   RESOURCE_EXHAUSTED  the disk is full: nothing of `writes` is promised; hard states still fit
  //                       into the reserve.
  // Any other error: nothing is known about the disk; end the process.
  virtual absl::Status Append(const std::vector<Write>& writes) = 0;

  // Entries before `first` will not be read again.
  virtual absl::Status Compact(Index first) = 0;

  // `source` names the transfer, so that a broken-off one is resumed only by its own sender.
  virtual absl::StatusOr<std::unique_ptr<SnapshotWriter>> WriteSnapshot(
      const SnapshotMeta& meta, const std::string& source) = 0;
  // NOT_FOUND: there is none.
  virtual absl::StatusOr<std::unique_ptr<SnapshotReader>> NewestSnapshot() = 0;

  virtual uint64_t bytes_used() const = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_LOG_STORAGE_H_
