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
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
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

  // What is there, read when the storage was opened.  The commit hint is at most the last index.
  // `damaged`: rot, told from a torn tail; then nothing is ever written, so that the files can be
  // examined, and each call that would write is DATA_LOSS.
  virtual const Recovered& recovered() const = 0;
  // Where it is damaged, in words; empty if it is not.
  virtual const std::string& damage() const = 0;
  virtual const NodeIdentity& identity() const = 0;

  // Takes the writes in order; durable on return if any of them must_sync.  One sync for all.
  // A crash in the midst leaves a beginning of them, in the order hard state, snapshot, truncation,
  // entries; the commit hint then covers none of the entries that a truncation was to replace.
  //   RESOURCE_EXHAUSTED   the disk is full: nothing of `writes` was written; writes of hard states
  //                        alone still fit into the reserve.
  //   INVALID_ARGUMENT     entries that do not follow the last one, a truncation behind the end or
  //                        into what was compacted, too large an entry: nothing was written.
  //   FAILED_PRECONDITION  the snapshot of a write was not committed before.
  // Any other error: nothing is known about the disk, every later call fails; end the process.
  virtual absl::Status Append(const std::vector<Write>& writes) = 0;

  // Does ahead of time what a later Append would have to wait for.  Call it when there has been
  // nothing to append for a while; never with an Append waiting.
  //   RESOURCE_EXHAUSTED   little room is left: take no new work.  Others as Append.
  virtual absl::Status Prepare() = 0;

  // A small piece of Prepare(), for after each Append: it delays the next one by some ms, and under
  // a load that never pauses all is done in time.  A full disk is no error here.  Others as Append.
  virtual absl::Status PrepareSome() = 0;

  // Entries before `first` will not be read again.  FAILED_PRECONDITION: no durable snapshot stands
  // for them.
  virtual absl::Status Compact(Index first) = 0;

  // `source` names the transfer, so that a broken-off one is resumed only by its own sender; the
  // caller goes on from the writer's size().  Empty: made by this node itself, always from the
  // front, for another version may have written the same state otherwise.
  // ABORTED: the same transfer is under way.
  virtual absl::StatusOr<std::unique_ptr<SnapshotWriter>> WriteSnapshot(
      const SnapshotMeta& meta, const std::string& source) = 0;
  // NOT_FOUND: there is none.
  virtual absl::StatusOr<std::unique_ptr<SnapshotReader>> NewestSnapshot() = 0;

  virtual uint64_t bytes_used() const = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_LOG_STORAGE_H_
