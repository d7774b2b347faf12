#include "services/consensus/storage/wal_storage.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/storage/file_io.h"
#include "services/consensus/storage/identity_file.h"
#include "services/consensus/storage/log_shape.h"
#include "services/consensus/storage/snapshot_store.h"
#include "services/consensus/storage/wal_join.h"
#include "services/consensus/storage/wal_recovery.h"

namespace z4j::consensus {
namespace {

absl::Status CheckArguments(const NodeIdentity& identity, const WalOptions& options) {
  if (identity.cluster.value == 0 || !identity.id || identity.incarnation.value == 0) {
    return absl::InvalidArgumentError(
        "cluster id, node id and incarnation of a node's directory must not be 0");
  }
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes % 512 != 0 ||
      options.segment_bytes > UINT32_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("segment_bytes is ", options.segment_bytes,
                                                   "; it must be a multiple of 512, at least ",
                                                   kSegmentBytesMin));
  }
  if (options.spare_segments < 1) {
    return absl::InvalidArgumentError("spare_segments must be at least 1: the last is the reserve");
  }
  return absl::OkStatus();
}

// A creation that was interrupted left segments without a single record of a running node.
absl::Status RemoveInterruptedCreation(Disk& disk) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, disk.List());
  for (const std::string& name : files) {
    if (!SegmentSequence(name).has_value() && !SnapshotIndexOf(name).has_value()) continue;
    ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(disk, name));
    const absl::StatusOr<SegmentScan> scan = ScanSegment(bytes);
    if (!scan.ok() || scan->header.sequence != 1 || scan->records.size() != 1 || scan->torn()) {
      return absl::AlreadyExistsError(
          absl::StrCat("the directory has no identity file, but ", name,
                       " holds a node's promises; it is not made anew"));
    }
    RETURN_IF_ERROR(disk.Remove(name));
  }
  return absl::OkStatus();
}

absl::Status CheckExpected(absl::string_view what, uint64_t expected, uint64_t found) {
  if (expected == 0 || expected == found) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the directory belongs to ", what, " ", found,
                                                    ", not to ", what, " ", expected));
}

class WalStorage : public LogStorage {
 public:
  WalStorage(NodeIdentity identity, std::unique_ptr<SnapshotStore> snapshots, Recovered recovered,
             std::string damage)
      : identity_(identity),
        snapshots_(std::move(snapshots)),
        recovered_(std::move(recovered)),
        damage_(std::move(damage)) {}

  // Repairs what a crash left and makes the log say what recovered() says; not for a damaged one.
  absl::Status Begin(Disk& disk, const WalOptions& options, const RecoveredLog& log,
                     bool restart_log);

  const Recovered& recovered() const override { return recovered_; }
  const std::string& damage() const override { return damage_; }
  const NodeIdentity& identity() const override { return identity_; }
  absl::Status Append(const std::vector<Write>& writes) override;
  absl::Status Prepare() override;
  absl::Status PrepareSome() override;
  absl::Status Compact(Index first) override;
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> WriteSnapshot(const SnapshotMeta& meta,
                                                                const std::string& source) override;
  absl::StatusOr<std::unique_ptr<SnapshotReader>> NewestSnapshot() override {
    return snapshots_->OpenNewest();
  }
  uint64_t bytes_used() const override { return bytes_used_; }

 private:
  absl::Status CheckWritable() const {
    if (writer_ != nullptr) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("this node's directory is damaged and is only read: ", damage_));
  }

  const NodeIdentity identity_;
  const std::unique_ptr<SnapshotStore> snapshots_;
  const Recovered recovered_;
  const std::string damage_;
  std::unique_ptr<WalWriter> writer_;
  LogShape shape_;
  std::atomic<uint64_t> bytes_used_ = 0;
};

absl::Status WalStorage::Begin(Disk& disk, const WalOptions& options, const RecoveredLog& log,
                               bool restart_log) {
  // The process that renamed what we found may have died before the names were durable.
  if (!Broken(Rule::kReopenedNamesAreSynced)) RETURN_IF_ERROR(disk.SyncDirectory());
  RETURN_IF_ERROR(snapshots_->SetBadAside());
  ASSIGN_OR_RETURN(writer_, WalWriter::Open(disk, identity_, options, log));
  shape_ = {.first = log.first, .next = log.next()};
  bytes_used_ = writer_->bytes_used();
  Write write;
  write.must_sync = true;
  if (restart_log) write.snapshot = recovered_.snapshot;
  if (!(recovered_.hard_state == log.hard_state)) write.hard_state = recovered_.hard_state;
  const bool says_so_already = !write.snapshot.has_value() && !write.hard_state.has_value();
  return says_so_already ? absl::OkStatus() : Append({write});
}

// Adds the records of `write`.  A torn one may end with any of them, so the commit hint of the
// first covers only entries until `last_before`, which the write does not touch; the rest of the
// hint comes last.  `vote` is pointed into.
void AddRecords(const Write& write, Index last_before, std::string& vote,
                std::vector<Record>& records) {
  const std::optional<HardState>& hard_state = write.hard_state;
  const bool early = hard_state.has_value() && hard_state->commit > last_before;
  if (hard_state.has_value()) {
    HardState first = *hard_state;
    if (early && !Broken(Rule::kHintAfterEntries)) first.commit = last_before;
    records.push_back(HardStateRecord(first, vote));
  }
  if (write.snapshot.has_value()) {
    records.push_back({.type = RecordType::kSnapshot,
                       .term = write.snapshot->term,
                       .index = write.snapshot->index});
  }
  if (write.truncate_from.has_value()) {
    records.push_back({.type = RecordType::kTruncate, .index = *write.truncate_from});
  }
  for (const Entry& entry : write.entries) {
    records.push_back({.type = RecordType::kEntry,
                       .kind = entry.kind,
                       .term = entry.term,
                       .index = entry.index,
                       .data = *entry.data});
  }
  if (early) records.push_back(HardStateRecord(*hard_state, vote));
}

absl::Status WalStorage::Append(const std::vector<Write>& writes) {
  RETURN_IF_ERROR(CheckWritable());
  LogShape after = shape_;
  std::vector<Record> records;
  std::vector<std::string> votes(writes.size());  // The records point into them.
  bool sync = false;
  bool only_hard_states = true;
  for (size_t i = 0; i < writes.size(); ++i) {
    const Write& write = writes[i];
    const Index last_before = after.LastBefore(write);
    RETURN_IF_ERROR(after.Apply(write, snapshots_->newest()));
    sync = sync || write.must_sync;
    only_hard_states = only_hard_states && write.entries.empty();
    AddRecords(write, last_before, votes[i], records);
  }
  RETURN_IF_ERROR(writer_->Append(records, sync, /*into_reserve=*/only_hard_states));
  shape_ = after;
  bytes_used_ = writer_->bytes_used();
  return absl::OkStatus();
}

absl::Status WalStorage::Prepare() {
  RETURN_IF_ERROR(CheckWritable());
  const absl::Status status = writer_->Prepare();
  bytes_used_ = writer_->bytes_used();
  return status;
}

absl::Status WalStorage::PrepareSome() {
  RETURN_IF_ERROR(CheckWritable());
  RETURN_IF_ERROR(writer_->PrepareSome());
  bytes_used_ = writer_->bytes_used();
  return absl::OkStatus();
}

absl::Status WalStorage::Compact(Index first) {
  RETURN_IF_ERROR(CheckWritable());
  RETURN_IF_ERROR(shape_.Compact(first, snapshots_->newest()));
  RETURN_IF_ERROR(writer_->RemoveBefore(first));
  bytes_used_ = writer_->bytes_used();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> WalStorage::WriteSnapshot(
    const SnapshotMeta& meta, const std::string& source) {
  RETURN_IF_ERROR(CheckWritable());
  return snapshots_->Write(meta, source);
}

}  // namespace

absl::Status CreateStorage(Disk& disk, const NodeIdentity& identity, const Config& first,
                           const WalOptions& options) {
  RETURN_IF_ERROR(CheckArguments(identity, options));
  const absl::StatusOr<IdentityFile> before = ReadIdentity(disk);
  if (!absl::IsNotFound(before.status())) {
    return absl::AlreadyExistsError("the directory is a node's already");
  }
  RETURN_IF_ERROR(RemoveInterruptedCreation(disk));
  RETURN_IF_ERROR(WalWriter::Create(disk, identity, options));
  // Last: with it the directory is a node's.
  return WriteIdentity(disk, {.identity = identity, .first_config = first});
}

absl::StatusOr<std::unique_ptr<LogStorage>> OpenStorage(Disk& disk, const NodeIdentity& expected,
                                                        const WalOptions& options) {
  absl::StatusOr<IdentityFile> file = ReadIdentity(disk);
  if (absl::IsNotFound(file.status())) {
    return absl::NotFoundError(
        "the directory is no node's yet; make it one with CreateStorage (a new node, or one that "
        "lost its disk, gets a new incarnation)");
  }
  RETURN_IF_ERROR(file.status());
  const NodeIdentity& identity = file->identity;
  RETURN_IF_ERROR(CheckArguments(identity, options));
  RETURN_IF_ERROR(CheckExpected("cluster", expected.cluster.value, identity.cluster.value));
  RETURN_IF_ERROR(CheckExpected("node", expected.id.value, identity.id.value));
  RETURN_IF_ERROR(
      CheckExpected("incarnation", expected.incarnation.value, identity.incarnation.value));

  ASSIGN_OR_RETURN(const RecoveredLog log, RecoverLog(disk, identity));
  ASSIGN_OR_RETURN(std::unique_ptr<SnapshotStore> snapshots, SnapshotStore::Open(disk, identity));
  JoinedState joined =
      JoinLogAndSnapshot(file->first_config, log, snapshots->newest(), snapshots->bad());
  auto storage = std::make_unique<WalStorage>(identity, std::move(snapshots),
                                              std::move(joined.recovered), joined.damage);
  if (joined.damage.empty() || Broken(Rule::kDamagedIsOnlyRead)) {
    RETURN_IF_ERROR(storage->Begin(disk, options, log, joined.restart_log));
  }
  return storage;
}

}  // namespace z4j::consensus
