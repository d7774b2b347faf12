#ifndef Z4J_CONSENSUS_STORAGE_SNAPSHOT_STORE_H_
#define Z4J_CONSENSUS_STORAGE_SNAPSHOT_STORE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/storage/snapshot_file.h"

namespace z4j::consensus {

// A snapshot that is newer than the newest valid one.
struct BadSnapshot {
  std::string name;
  Index index;
  std::string reason;
};

// The snapshots in a node's directory.  Keeps the newest and the one before.  Thread-safe; writers
// must not outlive it.
class SnapshotStore {
 public:
  // Verifies the snapshots from the newest on until one is valid.  Writes nothing.
  static absl::StatusOr<std::unique_ptr<SnapshotStore>> Open(Disk& disk,
                                                             const NodeIdentity& identity);

  std::optional<SnapshotMeta> newest() const ABSL_LOCKS_EXCLUDED(mu_);
  // As found by Open().
  const std::vector<BadSnapshot>& bad() const { return bad_; }
  // Gives the bad ones another name, "bad-…", so that they are kept and never read again.
  absl::Status SetBadAside();

  // See LogStorage.  ABORTED: a writer for the same source and meta is open.
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> Write(const SnapshotMeta& meta,
                                                        const std::string& source)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenNewest() ABSL_LOCKS_EXCLUDED(mu_);

  uint64_t bytes_used() const { return bytes_used_; }

 private:
  SnapshotStore(Disk& disk, const NodeIdentity& identity) : disk_(disk), identity_(identity) {}

  // Removes what nobody will ask for: all but the two newest, and parts that are not being written
  // and not newer than the newest.  A failure leaves a file behind, no more.
  void Tidy() ABSL_LOCKS_EXCLUDED(mu_);
  void Done(const std::string& part, const SnapshotMeta* committed) ABSL_LOCKS_EXCLUDED(mu_);

  Disk& disk_;
  const NodeIdentity identity_;
  std::vector<BadSnapshot> bad_;
  std::atomic<uint64_t> bytes_used_ = 0;

  mutable absl::Mutex mu_;
  std::optional<SnapshotMeta> newest_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> writing_ ABSL_GUARDED_BY(mu_);  // Names of parts.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_SNAPSHOT_STORE_H_
