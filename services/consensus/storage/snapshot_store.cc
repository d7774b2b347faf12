#include "services/consensus/storage/snapshot_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

absl::StatusOr<SnapshotMeta> VerifySnapshot(Disk& disk, const std::string& name,
                                            const NodeIdentity& identity) {
  ASSIGN_OR_RETURN(std::unique_ptr<SnapshotFileReader> reader,
                   SnapshotFileReader::Open(disk, name));
  if (!(reader->header().identity == identity)) {
    return absl::DataLossError("it belongs to another node or incarnation");
  }
  if (SnapshotName(reader->meta()) != name) return absl::DataLossError("its name is another's");
  RETURN_IF_ERROR(reader->Verify());
  return reader->meta();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotStore>> SnapshotStore::Open(Disk& disk,
                                                                   const NodeIdentity& identity) {
  auto store = std::unique_ptr<SnapshotStore>(new SnapshotStore(disk, identity));
  ASSIGN_OR_RETURN(std::vector<std::string> files, disk.List());
  std::reverse(files.begin(), files.end());  // Their names sort by index.
  for (const std::string& name : files) {
    const std::optional<Index> index = SnapshotIndexOf(name);
    if (!index.has_value()) continue;
    absl::StatusOr<SnapshotMeta> meta = VerifySnapshot(disk, name, identity);
    if (meta.ok()) {
      absl::MutexLock lock(&store->mu_);
      store->newest_ = *std::move(meta);
      break;
    }
    if (!absl::IsDataLoss(meta.status())) return meta.status();
    store->bad_.push_back(
        {.name = name, .index = *index, .reason = std::string(meta.status().message())});
  }
  return store;
}

std::optional<SnapshotMeta> SnapshotStore::newest() const {
  absl::MutexLock lock(&mu_);
  return newest_;
}

absl::Status SnapshotStore::SetBadAside() {
  for (const BadSnapshot& bad : bad_) {
    RETURN_IF_ERROR(disk_.Rename(bad.name, absl::StrCat("bad-", bad.name)));
  }
  return bad_.empty() ? absl::OkStatus() : disk_.SyncDirectory();
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotStore::Write(const SnapshotMeta& meta,
                                                                     const std::string& source) {
  const SnapshotHeader header = {
      .identity = identity_, .meta = meta, .source = source, .chunk_bytes = kSnapshotChunkBytes};
  const std::string part = PartName(header);
  {
    absl::MutexLock lock(&mu_);
    if (!writing_.insert(part).second) {
      return absl::AbortedError(absl::StrCat(part, " is being written already"));
    }
  }
  auto writer = SnapshotFileWriter::Open(
      disk_, header, [this, part](const SnapshotMeta* committed) { Done(part, committed); });
  if (!writer.ok()) return writer.status();  // The writer that came to nothing called Done().
  return *std::move(writer);
}

void SnapshotStore::Done(const std::string& part, const SnapshotMeta* committed) {
  {
    absl::MutexLock lock(&mu_);
    writing_.erase(part);
    if (committed == nullptr) return;
    if (!newest_.has_value() || newest_->index < committed->index) newest_ = *committed;
  }
  Tidy();
}

void SnapshotStore::Tidy() {
  const absl::StatusOr<std::vector<std::string>> files = disk_.List();
  if (!files.ok()) return;
  // Held although names are removed: a part must not be begun between the look and the removal.
  absl::MutexLock lock(&mu_);
  std::vector<std::string> snapshots;
  for (const std::string& name : *files) {
    if (SnapshotIndexOf(name).has_value()) snapshots.push_back(name);
    const std::optional<Index> part = PartIndexOf(name);
    if (part.has_value() && *part <= newest_->index && !writing_.contains(name)) {
      disk_.Remove(name).IgnoreError();
    }
  }
  for (size_t i = 0; i + 2 < snapshots.size(); ++i) disk_.Remove(snapshots[i]).IgnoreError();
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotStore::OpenNewest() {
  // Held, so that Tidy() does not remove the file before it is open.
  absl::MutexLock lock(&mu_);
  if (!newest_.has_value()) return absl::NotFoundError("there is no snapshot");
  ASSIGN_OR_RETURN(std::unique_ptr<SnapshotFileReader> reader,
                   SnapshotFileReader::Open(disk_, SnapshotName(*newest_)));
  return reader;
}

}  // namespace z4j::consensus
