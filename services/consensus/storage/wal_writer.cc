#include "services/consensus/storage/wal_writer.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {
namespace {

constexpr char kTemporarySpare[] = "temporary-spare";

}  // namespace

absl::Status WalWriter::Create(Disk& disk, const NodeIdentity& identity,
                               const WalOptions& options) {
  WalWriter writer(disk, identity, options);
  RETURN_IF_ERROR(writer.FindSpares());
  RETURN_IF_ERROR(writer.EnsureSpares(1 + static_cast<size_t>(options.spare_segments)));
  return writer.Rotate();
}

absl::StatusOr<std::unique_ptr<WalWriter>> WalWriter::Open(Disk& disk, const NodeIdentity& identity,
                                                           const WalOptions& options,
                                                           const RecoveredLog& log) {
  auto writer = std::unique_ptr<WalWriter>(new WalWriter(disk, identity, options));
  writer->segments_ = log.segments;
  writer->hard_state_ = log.hard_state;
  writer->next_index_ = log.next();
  const LiveSegment& last = log.segments.back();
  writer->at_ = {.sequence = last.sequence,
                 .offset = log.tail.offset,
                 .header_crc = log.tail.header_crc,
                 .seq = log.tail.last_seq,
                 .crc = log.tail.last_crc,
                 .segment_bytes = last.bytes};
  ASSIGN_OR_RETURN(writer->file_, disk.Open(SegmentName(last.sequence), /*create=*/false));
  RETURN_IF_ERROR(writer->Repair(log.tail));
  for (const std::string& name : log.stale) RETURN_IF_ERROR(disk.Remove(name));
  RETURN_IF_ERROR(writer->FindSpares());
  return writer;
}

absl::Status WalWriter::Repair(const LogTail& tail) {
  // After a failed sync the machine's cache shows bytes that the disk does not have, and counts
  // them as clean: only writing them again brings them there.
  ASSIGN_OR_RETURN(std::string bytes,
                   file_->Read(tail.proven_offset, tail.offset - tail.proven_offset));
  if (bytes.size() != tail.offset - tail.proven_offset) {
    return absl::DataLossError("the log became shorter while it was read");
  }
  bytes.resize(std::max(tail.dirty_end, tail.offset) - tail.proven_offset, '\0');
  if (!Broken(Rule::kReopenedIsWrittenAgain)) {
    RETURN_IF_ERROR(file_->Write(tail.proven_offset, bytes));
    RETURN_IF_ERROR(file_->Sync());
  }
  written_ = at_.offset;
  synced_seq_ = at_.seq;
  return tail.ends_synced ? absl::OkStatus() : WriteSynced();
}

absl::Status WalWriter::FindSpares() {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, disk_.List());
  for (const std::string& name : files) {
    if (name == kTemporarySpare) {
      RETURN_IF_ERROR(disk_.Remove(name));
      continue;
    }
    const std::optional<uint64_t> number = SpareNumber(name);
    if (!number.has_value()) continue;
    next_spare_ = std::max(next_spare_, *number + 1);
    ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk_.Open(name, /*create=*/false));
    ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (size == options_.segment_bytes) {
      spares_.push_back(*number);
    } else {
      RETURN_IF_ERROR(disk_.Remove(name));
    }
  }
  return absl::OkStatus();
}

absl::Status WalWriter::MakeSpare(uint64_t bytes_max) {
  if (making_ == nullptr) {
    ASSIGN_OR_RETURN(making_, disk_.Open(kTemporarySpare, /*create=*/true));
    made_bytes_ = 0;
  }
  // Zeros are written, not reserved: overwriting blocks that were written once needs neither space
  // nor a change of the file's own records at each sync.
  const uint64_t end = std::min<uint64_t>(options_.segment_bytes, made_bytes_ + bytes_max);
  const std::string zeros(std::min<uint64_t>(end - made_bytes_, 1 << 20), '\0');
  while (made_bytes_ < end) {
    const size_t size = std::min<uint64_t>(zeros.size(), end - made_bytes_);
    const absl::Status status =
        making_->Write(made_bytes_, std::string_view(zeros).substr(0, size));
    if (!status.ok()) {
      making_.reset();
      disk_.Remove(kTemporarySpare).IgnoreError();  // The room goes back to who can use it.
      return status;
    }
    made_bytes_ += size;
  }
  RETURN_IF_ERROR(making_->Sync());
  if (made_bytes_ < options_.segment_bytes) return absl::OkStatus();
  making_.reset();
  RETURN_IF_ERROR(disk_.Rename(kTemporarySpare, SpareName(next_spare_)));
  RETURN_IF_ERROR(disk_.SyncDirectory());
  spares_.push_back(next_spare_++);
  return absl::OkStatus();
}

absl::Status WalWriter::EnsureSpares(size_t count) {
  while (spares_.size() < count) {
    const absl::Status status = MakeSpare(options_.segment_bytes);
    if (absl::IsResourceExhausted(status)) return status;
    if (!status.ok()) return Fatal(status);
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> WalWriter::SegmentsFor(const std::vector<Record>& records) const {
  size_t segments = 0;
  uint64_t offset = at_.offset;
  uint64_t end = at_.segment_bytes - kSegmentReserveBytes;
  for (const Record& record : records) {
    const size_t size = RecordBytes(record.data.size());
    if (offset + size > end) {
      ++segments;
      offset = kSegmentHeaderBytes + RecordBytes(sizeof(uint64_t));
      end = options_.segment_bytes - kSegmentReserveBytes;
      if (offset + size > end) {
        return absl::InvalidArgumentError(
            absl::StrCat("a record of ", size, " bytes does not fit into a segment"));
      }
    }
    offset += size;
  }
  return segments;
}

absl::Status WalWriter::Append(const std::vector<Record>& records, bool sync, bool into_reserve) {
  RETURN_IF_ERROR(broken_);
  // All room first: a run that has begun is finished.
  ASSIGN_OR_RETURN(const size_t segments, SegmentsFor(records));
  const bool reserve = !into_reserve && !Broken(Rule::kVotesHaveAReserve);
  RETURN_IF_ERROR(EnsureSpares(segments + (reserve ? 1 : 0)));
  if (absl::Status status = Place(records, sync); !status.ok()) return Fatal(status);
  return absl::OkStatus();
}

absl::Status WalWriter::Place(const std::vector<Record>& records, bool sync) {
  std::string run;
  for (const Record& record : records) {
    if (at_.offset + RecordBytes(record.data.size()) > at_.segment_bytes - kSegmentReserveBytes) {
      RETURN_IF_ERROR(WriteRun(run));
      RETURN_IF_ERROR(Rotate());
    }
    Encode(record, run);
    Follow(record);
  }
  RETURN_IF_ERROR(WriteRun(run));
  if (!sync) return absl::OkStatus();
  RETURN_IF_ERROR(SyncSegment());
  return WriteSynced();
}

void WalWriter::Encode(Record record, std::string& run) {
  record.seq = ++at_.seq;
  record.synced_seq = synced_seq_;
  const size_t before = run.size();
  at_.crc =
      AppendRecord(record, {.segment_crc = at_.header_crc, .offset = at_.offset}, at_.crc, run);
  at_.offset += run.size() - before;
}

void WalWriter::Follow(const Record& record) {
  if (record.type == RecordType::kHardState) hard_state_ = HardStateOf(record);
  if (record.type == RecordType::kEntry) next_index_ = record.index + 1;
  if (record.type == RecordType::kTruncate) next_index_ = std::min(next_index_, record.index);
  if (record.type == RecordType::kSnapshot) next_index_ = record.index + 1;
}

absl::Status WalWriter::WriteRun(std::string& run) {
  if (run.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(file_->Write(written_, run));
  written_ += run.size();
  run.clear();
  return absl::OkStatus();
}

absl::Status WalWriter::SyncSegment() {
  if (!Broken(Rule::kSyncBeforeAppendReturns)) RETURN_IF_ERROR(file_->Sync());
  synced_seq_ = at_.seq;
  return absl::OkStatus();
}

absl::Status WalWriter::WriteSynced() {
  if (at_.offset + kRecordHeaderBytes > at_.segment_bytes - kRecordHeaderBytes) {
    return absl::OkStatus();  // The last one took the room; whoever comes next begins a segment.
  }
  std::string run;
  Encode({.type = RecordType::kSynced}, run);
  return WriteRun(run);
}

absl::Status WalWriter::Rotate() {
  std::unique_ptr<File> old = std::move(file_);
  const Position end = at_;
  if (old != nullptr) {
    // Only the last segment may end in a torn write.
    RETURN_IF_ERROR(old->Sync());
    synced_seq_ = at_.seq;
  }
  const uint64_t spare = spares_.front();
  RETURN_IF_ERROR(BeginSegment(spare));
  RETURN_IF_ERROR(disk_.Rename(SpareName(spare), SegmentName(at_.sequence)));
  if (!Broken(Rule::kNameDurableBeforeUse)) RETURN_IF_ERROR(disk_.SyncDirectory());
  spares_.pop_front();
  segments_.push_back(
      {.sequence = at_.sequence, .first_index = next_index_, .bytes = options_.segment_bytes});
  synced_seq_ = at_.seq;
  if (old == nullptr) return absl::OkStatus();
  std::string closed;
  AppendRecord({.type = RecordType::kClosed, .seq = end.seq + 1, .synced_seq = end.seq},
               {.segment_crc = end.header_crc, .offset = end.offset}, end.crc, closed);
  return old->Write(end.offset, closed);  // Not synced: it matters only if it is there.
}

// Writes the beginning of the segment after this one into a spare.
absl::Status WalWriter::BeginSegment(uint64_t spare) {
  ASSIGN_OR_RETURN(file_, disk_.Open(SpareName(spare), /*create=*/false));
  std::string run =
      EncodeSegmentHeader({.segment_bytes = static_cast<uint32_t>(options_.segment_bytes),
                           .identity = identity_,
                           .sequence = at_.sequence + 1,
                           .first_index = next_index_,
                           .last_seq = at_.seq,
                           .last_crc = at_.crc});
  const uint32_t crc = SegmentCrc(run);
  at_ = {.sequence = at_.sequence + 1,
         .offset = kSegmentHeaderBytes,
         .header_crc = crc,
         .seq = at_.seq,
         .crc = crc,
         .segment_bytes = options_.segment_bytes};
  // The segments before will be removed, and with them the hard states there.
  std::string vote;
  const bool repeats = !Broken(Rule::kSegmentRepeatsHardState);
  Encode(HardStateRecord(repeats ? hard_state_ : HardState(), vote), run);
  written_ = 0;
  RETURN_IF_ERROR(WriteRun(run));
  return file_->Sync();
}

absl::Status WalWriter::Prepare() {
  RETURN_IF_ERROR(broken_);
  if (synced_seq_ != at_.seq) {
    if (absl::Status status = SyncSegment(); !status.ok()) return Fatal(status);
  }
  room_ = EnsureSpares(static_cast<size_t>(options_.spare_segments));
  return room_;
}

absl::Status WalWriter::PrepareSome() {
  RETURN_IF_ERROR(broken_);
  if (!room_.ok() || spares_.size() >= static_cast<size_t>(options_.spare_segments)) {
    return absl::OkStatus();
  }
  absl::Status status = MakeSpare(kSpareSliceBytes);
  if (status.ok()) return status;
  if (!absl::IsResourceExhausted(status)) return Fatal(status);
  room_ = status;
  return absl::OkStatus();
}

absl::Status WalWriter::RemoveBefore(Index first) {
  RETURN_IF_ERROR(broken_);
  // Oldest first, so that what is left is always one run.
  while (segments_.size() > 1 && segments_[1].first_index <= first) {
    if (absl::Status status = disk_.Remove(SegmentName(segments_[0].sequence)); !status.ok()) {
      return Fatal(status);
    }
    segments_.erase(segments_.begin());
  }
  return absl::OkStatus();
}

uint64_t WalWriter::bytes_used() const {
  uint64_t bytes = spares_.size() * options_.segment_bytes;
  for (const LiveSegment& segment : segments_) bytes += segment.bytes;
  return bytes;
}

absl::Status WalWriter::Fatal(const absl::Status& error) {
  const absl::Status fatal = absl::DataLossError(
      absl::StrCat("the log's disk failed, the process must end: ", error.message()));
  if (!Broken(Rule::kSyncFailureIsFinal)) broken_ = fatal;
  return fatal;
}

}  // namespace z4j::consensus
