#include "services/consensus/storage/wal_reader.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/storage/file_io.h"
#include "services/consensus/storage/identity_file.h"
#include "services/consensus/storage/snapshot_store.h"
#include "services/consensus/storage/wal_join.h"
#include "services/consensus/storage/wal_recovery.h"

namespace z4j::consensus {
namespace {

absl::string_view KindText(EntryKind kind) {
  switch (kind) {
    case EntryKind::kNoOp:
      return "no-op";
    case EntryKind::kCommand:
      return "command";
    case EntryKind::kConfig:
      return "configuration";
  }
  return "unknown";
}

FileVerdict Wrong(const std::string& file, absl::string_view why) {
  return {.file = file, .text = absl::StrCat("wrong: ", why), .wrong = true};
}

absl::StatusOr<FileVerdict> VerifySegment(Disk& disk, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(disk, name));
  const absl::StatusOr<SegmentScan> scan = ScanSegment(bytes);
  if (!scan.ok()) return Wrong(name, scan.status().message());
  const std::string records = absl::StrCat(scan->records.size(), " records up to ", scan->last_seq);
  if (scan->rotten() && !scan->closed) {
    return Wrong(name, absl::StrCat(records, "; at ", scan->end, " a record is missing that was ",
                                    "synced: ", scan->strays.size(), " more stand behind it"));
  }
  absl::string_view end = "";
  if (scan->closed) {
    end = ", closed";
  } else if (scan->torn()) {
    end = ", then a torn write";
  }
  return FileVerdict{.file = name, .text = absl::StrCat("whole, ", records, end)};
}

absl::StatusOr<FileVerdict> VerifySnapshotFile(Disk& disk, const std::string& name) {
  const absl::StatusOr<std::unique_ptr<SnapshotFileReader>> reader =
      SnapshotFileReader::Open(disk, name);
  if (!reader.ok()) return Wrong(name, reader.status().message());
  if (const absl::Status status = (*reader)->Verify(); !status.ok()) {
    return Wrong(name, status.message());
  }
  const SnapshotMeta& meta = (*reader)->meta();
  return FileVerdict{
      .file = name,
      .text = absl::StrCat("whole, state after entry ", meta.index.value, " of term ",
                           meta.term.value, ", ", (*reader)->size(), " bytes")};
}

}  // namespace

absl::Status DumpLog(Disk& disk, absl::FunctionRef<void(const DumpedRecord&)> visit) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, disk.List());
  for (const std::string& name : files) {
    if (!SegmentSequence(name).has_value()) continue;
    ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(disk, name));
    const absl::StatusOr<SegmentScan> scan = ScanSegment(bytes);
    if (!scan.ok()) continue;  // VerifyStorage() says why.
    for (const PlacedRecord& placed : scan->records) {
      visit({.file = name, .offset = placed.offset, .record = placed.parsed.record});
    }
    for (const PlacedRecord& placed : scan->strays) {
      visit({.file = name, .offset = placed.offset, .record = placed.parsed.record, .stray = true});
    }
  }
  return absl::OkStatus();
}

std::string RecordText(const Record& record) {
  switch (record.type) {
    case RecordType::kEntry:
      return absl::StrCat("entry ", record.index.value, ", term ", record.term.value, ", ",
                          KindText(record.kind), ", ", record.data.size(), " bytes");
    case RecordType::kHardState: {
      const HardState state = HardStateOf(record);
      return absl::StrCat("term ", state.term.value, ", vote ", state.vote.value, ", commit ",
                          state.commit.value);
    }
    case RecordType::kTruncate:
      return absl::StrCat("entries from ", record.index.value, " on are void");
    case RecordType::kSnapshot:
      return absl::StrCat("the log begins anew after ", record.index.value, ", term ",
                          record.term.value);
    case RecordType::kSynced:
      return absl::StrCat("synced up to record ", record.synced_seq);
    case RecordType::kClosed:
      return "closed; the next segment exists";
  }
  return "unknown";
}

absl::StatusOr<StorageVerdict> VerifyStorage(Disk& disk) {
  StorageVerdict verdict;
  ASSIGN_OR_RETURN(const IdentityFile identity, ReadIdentity(disk));
  verdict.identity = identity.identity;
  ASSIGN_OR_RETURN(const std::vector<std::string> files, disk.List());
  for (const std::string& name : files) {
    if (SegmentSequence(name).has_value()) {
      ASSIGN_OR_RETURN(verdict.files.emplace_back(), VerifySegment(disk, name));
    } else if (SnapshotIndexOf(name).has_value()) {
      ASSIGN_OR_RETURN(verdict.files.emplace_back(), VerifySnapshotFile(disk, name));
    } else if (PartIndexOf(name).has_value()) {
      verdict.files.push_back({.file = name, .text = "a snapshot that is not whole yet"});
    }
  }
  ASSIGN_OR_RETURN(const RecoveredLog log, RecoverLog(disk, identity.identity));
  ASSIGN_OR_RETURN(const std::unique_ptr<SnapshotStore> snapshots,
                   SnapshotStore::Open(disk, identity.identity));
  verdict.damage =
      JoinLogAndSnapshot(identity.first_config, log, snapshots->newest(), snapshots->bad()).damage;
  return verdict;
}

}  // namespace z4j::consensus
