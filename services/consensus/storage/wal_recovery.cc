#include "services/consensus/storage/wal_recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/storage/file_io.h"

namespace z4j::consensus {
namespace {

absl::Status CheckIdentity(const std::string& name, const NodeIdentity& found,
                           const NodeIdentity& wanted) {
  if (found == wanted) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      name, " belongs to cluster ", found.cluster.value, ", node ", found.id.value,
      ", incarnation ", found.incarnation.value, ", not to cluster ", wanted.cluster.value,
      ", node ", wanted.id.value, ", incarnation ", wanted.incarnation.value));
}

// False: the record cannot follow what stands before it.
bool Replay(const Record& record, RecoveredLog& log) {
  switch (record.type) {
    case RecordType::kEntry:
      if (record.index != log.next()) return false;
      log.entries.push_back({.term = record.term,
                             .index = record.index,
                             .kind = record.kind,
                             .data = MakePayload(std::string(record.data))});
      return true;
    case RecordType::kHardState:
      log.hard_state = HardStateOf(record);
      return true;
    case RecordType::kTruncate:
      if (record.index > log.next()) return false;
      if (record.index < log.first) log.first = record.index;  // Its segment is gone already.
      log.entries.resize(record.index - log.first);
      return true;
    case RecordType::kSnapshot:
      log.entries.clear();
      log.first = record.index + 1;
      return true;
    case RecordType::kSynced:
    case RecordType::kClosed:
      return true;
  }
  return false;
}

// The newest run of consecutive segments; what stands below a gap was being removed when the
// machine died.
std::vector<uint64_t> NewestRun(const std::vector<std::string>& files,
                                std::vector<std::string>& stale) {
  std::vector<uint64_t> run;
  for (const std::string& file : files) {
    const std::optional<uint64_t> sequence = SegmentSequence(file);
    if (!sequence.has_value()) continue;
    if (!run.empty() && *sequence != run.back() + 1) {
      for (const uint64_t old : run) stale.push_back(SegmentName(old));
      run.clear();
    }
    run.push_back(*sequence);
  }
  return run;
}

// The chain from the segment before: its end must be the one that this header was written with.
std::string BrokenLink(const std::optional<SegmentScan>& before, const SegmentHeader& header) {
  if (!before.has_value()) return "";
  if (Broken(Rule::kSegmentsAreLinked)) return "";
  if (before->last_seq == header.last_seq && before->last_crc == header.last_crc) return "";
  return absl::StrCat(SegmentName(before->header.sequence), " at ", before->end, ": record ",
                      before->last_seq + 1, " is wrong; the segment was synced up to record ",
                      header.last_seq);
}

std::string ReplayAll(const SegmentScan& scan, RecoveredLog& log) {
  for (const PlacedRecord& placed : scan.records) {
    if (Replay(placed.parsed.record, log)) continue;
    return absl::StrCat(SegmentName(scan.header.sequence), " at ", placed.offset, ": record ",
                        placed.parsed.record.seq, " does not follow from those before it");
  }
  return "";
}

void JudgeTail(const SegmentScan& scan, uint64_t synced_seq, RecoveredLog& log) {
  const std::string name = SegmentName(scan.header.sequence);
  if (scan.rotten()) {
    log.damage =
        absl::StrCat(name, " at ", scan.end, ": record ", scan.last_seq + 1,
                     " is wrong; a later one says that record ", scan.witness, " was synced");
  } else if (scan.closed) {
    log.damage = absl::StrCat(name, " was closed; the segment after it is missing");
  }
  LogTail& tail = log.tail;
  tail = {.offset = scan.end,
          .header_crc = scan.header_crc,
          .last_seq = scan.last_seq,
          .last_crc = scan.last_crc,
          .proven_offset = kSegmentHeaderBytes,
          .dirty_end = scan.dirty_end};
  for (const PlacedRecord& placed : scan.records) {
    const ParsedRecord& parsed = placed.parsed;
    if (parsed.record.seq <= synced_seq) tail.proven_offset = placed.offset + parsed.bytes;
    tail.ends_synced = parsed.record.type == RecordType::kSynced;
  }
}

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(Disk& disk, const NodeIdentity& identity) {
  RecoveredLog log;
  ASSIGN_OR_RETURN(const std::vector<std::string> files, disk.List());
  const std::vector<uint64_t> run = NewestRun(files, log.stale);
  std::optional<SegmentScan> before;
  uint64_t synced_seq = 0;
  for (const uint64_t sequence : run) {
    const std::string name = SegmentName(sequence);
    ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(disk, name));
    absl::StatusOr<SegmentScan> scan = ScanSegment(bytes);
    if (absl::IsDataLoss(scan.status())) {
      // A segment gets its name only after its header is durable, so this is no torn write.
      log.damage = absl::StrCat(name, ": ", scan.status().message());
      return log;
    }
    if (!scan.ok()) return AtFile(name, scan.status());
    RETURN_IF_ERROR(CheckIdentity(name, scan->header.identity, identity));
    if (scan->header.sequence != sequence) {
      log.damage = absl::StrCat(name, ": its header says segment ", scan->header.sequence);
      return log;
    }
    log.damage = BrokenLink(before, scan->header);
    if (!log.damage.empty()) return log;
    if (!before.has_value()) log.first = scan->header.first_index;
    log.segments.push_back({.sequence = sequence,
                            .first_index = scan->header.first_index,
                            .bytes = scan->header.segment_bytes});
    log.damage = ReplayAll(*scan, log);
    if (!log.damage.empty()) return log;
    for (const PlacedRecord& placed : scan->records) {
      synced_seq = std::max(synced_seq, placed.parsed.record.synced_seq);
    }
    if (sequence == run.back()) JudgeTail(*scan, synced_seq, log);
    scan->records.clear();  // They point into `bytes`.
    scan->strays.clear();
    before = *std::move(scan);
  }
  return log;
}

}  // namespace z4j::consensus
