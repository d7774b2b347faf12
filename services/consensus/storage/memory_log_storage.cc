#include "services/consensus/storage/memory_log_storage.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/membership.h"
#include "services/consensus/storage/log_shape.h"
#include "services/consensus/storage/wal_join.h"

namespace z4j::consensus {

// What stands for the disk.  The log is the one writing thread's; snapshots are anybody's.
class MemoryLogStorage::State {
 public:
  struct Snapshot {
    SnapshotMeta meta;
    std::string bytes;
  };

  State(const NodeIdentity& id, const Config& first) : identity(id), first_config(first) {}

  const NodeIdentity identity;
  const Config first_config;
  HardState hard_state;
  LogShape shape;
  std::vector<Entry> entries;  // From shape.first on.

  std::shared_ptr<const Snapshot> newest() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return newest_;
  }
  std::optional<SnapshotMeta> newest_meta() const {
    const auto snapshot = newest();
    return snapshot == nullptr ? std::nullopt : std::make_optional(snapshot->meta);
  }

  absl::StatusOr<std::string> TakePart(const std::string& name) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!writing_.insert(name).second) {
      return absl::AbortedError(absl::StrCat(name, " is being written already"));
    }
    return std::exchange(parts_[name], "");
  }
  void KeepPart(const std::string& name, std::string bytes) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    writing_.erase(name);
    parts_[name] = std::move(bytes);
  }
  void Commit(const std::string& part, Snapshot snapshot) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    writing_.erase(part);
    parts_.erase(part);
    if (newest_ == nullptr || newest_->meta.index < snapshot.meta.index) {
      newest_ = std::make_shared<const Snapshot>(std::move(snapshot));
    }
  }

 private:
  mutable absl::Mutex mu_;
  std::shared_ptr<const Snapshot> newest_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> parts_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> writing_ ABSL_GUARDED_BY(mu_);
};

class MemoryLogStorage::Writer : public SnapshotWriter {
 public:
  Writer(std::shared_ptr<State> state, std::string part, SnapshotMeta meta, std::string bytes)
      : state_(std::move(state)),
        part_(std::move(part)),
        meta_(std::move(meta)),
        bytes_(std::move(bytes)) {}
  ~Writer() override {
    if (!committed_) state_->KeepPart(part_, std::move(bytes_));
  }

  uint64_t size() const override { return bytes_.size(); }
  absl::Status Append(std::string_view bytes) override {
    if (committed_) return AlreadyCommitted();
    bytes_.append(bytes);
    return absl::OkStatus();
  }
  absl::Status Commit() override {
    if (committed_) return AlreadyCommitted();
    committed_ = true;
    state_->Commit(part_, {.meta = meta_, .bytes = bytes_});
    return absl::OkStatus();
  }

 private:
  static absl::Status AlreadyCommitted() {
    return absl::FailedPreconditionError("the snapshot was committed");
  }

  const std::shared_ptr<State> state_;
  const std::string part_;
  const SnapshotMeta meta_;
  std::string bytes_;
  bool committed_ = false;
};

class MemoryLogStorage::Reader : public SnapshotReader {
 public:
  explicit Reader(std::shared_ptr<const State::Snapshot> snapshot)
      : snapshot_(std::move(snapshot)) {}

  const SnapshotMeta& meta() const override { return snapshot_->meta; }
  uint64_t size() const override { return snapshot_->bytes.size(); }
  absl::StatusOr<std::string> Read(uint64_t offset, size_t size) override {
    if (offset >= snapshot_->bytes.size()) return std::string();
    return snapshot_->bytes.substr(offset, size);
  }

 private:
  const std::shared_ptr<const State::Snapshot> snapshot_;
};

MemoryLogStorage::MemoryLogStorage(const NodeIdentity& identity, const Config& first)
    : MemoryLogStorage(std::make_shared<State>(identity, first)) {}

MemoryLogStorage::MemoryLogStorage(std::shared_ptr<State> state) : state_(std::move(state)) {
  RecoveredLog log;
  log.segments.emplace_back();
  log.hard_state = state_->hard_state;
  log.first = state_->shape.first;
  log.entries = state_->entries;
  JoinedState joined =
      JoinLogAndSnapshot(state_->first_config, log, state_->newest_meta(), /*bad=*/{});
  recovered_ = std::move(joined.recovered);
  state_->hard_state = recovered_.hard_state;
  if (joined.restart_log) {
    const Index after = recovered_.snapshot.index + 1;
    state_->shape = {.first = after, .next = after};
    state_->entries.clear();
  }
}

MemoryLogStorage::~MemoryLogStorage() = default;

std::unique_ptr<MemoryLogStorage> MemoryLogStorage::Reopen() const {
  return std::unique_ptr<MemoryLogStorage>(new MemoryLogStorage(state_));
}

const NodeIdentity& MemoryLogStorage::identity() const { return state_->identity; }

absl::Status MemoryLogStorage::Append(const std::vector<Write>& writes) {
  LogShape after = state_->shape;
  for (const Write& write : writes) {
    RETURN_IF_ERROR(after.Apply(write, state_->newest_meta()));
  }
  for (const Write& write : writes) {
    LogShape& shape = state_->shape;
    if (write.hard_state.has_value()) state_->hard_state = *write.hard_state;
    if (write.snapshot.has_value()) {
      state_->entries.clear();
      shape.first = write.snapshot->index + 1;
    }
    if (write.truncate_from.has_value()) {
      state_->entries.resize(*write.truncate_from - shape.first);
    }
    state_->entries.insert(state_->entries.end(), write.entries.begin(), write.entries.end());
  }
  state_->shape = after;
  return absl::OkStatus();
}

absl::Status MemoryLogStorage::Compact(Index first) {
  const Index before = state_->shape.first;
  RETURN_IF_ERROR(state_->shape.Compact(first, state_->newest_meta()));
  const uint64_t gone = state_->shape.first - before;
  state_->entries.erase(state_->entries.begin(),
                        state_->entries.begin() + static_cast<int64_t>(gone));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> MemoryLogStorage::WriteSnapshot(
    const SnapshotMeta& meta, const std::string& source) {
  std::string part =
      absl::StrCat(meta.index.value, "-", meta.term.value, "-", meta.config_index.value, "-",
                   source, "-", EncodeConfig(meta.config));
  ASSIGN_OR_RETURN(std::string bytes, state_->TakePart(part));
  if (source.empty()) bytes.clear();
  return std::make_unique<Writer>(state_, std::move(part), meta, std::move(bytes));
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> MemoryLogStorage::NewestSnapshot() {
  auto newest = state_->newest();
  if (newest == nullptr) return absl::NotFoundError("there is no snapshot");
  return std::make_unique<Reader>(std::move(newest));
}

uint64_t MemoryLogStorage::bytes_used() const {
  uint64_t bytes = 0;
  for (const Entry& entry : state_->entries) bytes += sizeof entry + entry.data->size();
  if (const auto newest = state_->newest(); newest != nullptr) bytes += newest->bytes.size();
  return bytes;
}

}  // namespace z4j::consensus
