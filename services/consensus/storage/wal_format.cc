#include "services/consensus/storage/wal_format.h"

#include "absl/strings/str_cat.h"
#include "services/consensus/limits.h"
#include "services/consensus/storage/bytes.h"
#include "services/consensus/storage/crc32c.h"

namespace z4j::consensus {
namespace {

constexpr std::string_view kMagic = "z4j-wal\n";

// Places within a segment's header.
constexpr size_t kFormatAt = 8;
constexpr size_t kSegmentBytesAt = 12;
constexpr size_t kClusterAt = 16;
constexpr size_t kNodeAt = 24;
constexpr size_t kIncarnationAt = 32;
constexpr size_t kSequenceAt = 40;
constexpr size_t kFirstIndexAt = 48;
constexpr size_t kLastSeqAt = 56;
constexpr size_t kLastCrcAt = 64;
constexpr size_t kHeaderCrcAt = kSegmentHeaderBytes - 4;

// Places within a record.
constexpr size_t kPreviousCrcAt = 4;
constexpr size_t kDataBytesAt = 8;
constexpr size_t kTypeAt = 12;
constexpr size_t kKindAt = 13;
constexpr size_t kZeroAt = 14;
constexpr size_t kSeqAt = 16;
constexpr size_t kSyncedSeqAt = 24;
constexpr size_t kTermAt = 32;
constexpr size_t kIndexAt = 40;

uint32_t CrcAt(RecordPlace place, std::string_view after_crc) {
  std::string where;
  PutBack(where, place.segment_crc);
  PutBack(where, place.offset);
  return ExtendCrc32c(Crc32c(where), after_crc);
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.replace(0, kMagic.size(), kMagic);
  PutAt(bytes, kFormatAt, kWalFormat);
  PutAt(bytes, kSegmentBytesAt, header.segment_bytes);
  PutAt(bytes, kClusterAt, header.identity.cluster.value);
  PutAt(bytes, kNodeAt, header.identity.id.value);
  PutAt(bytes, kIncarnationAt, header.identity.incarnation.value);
  PutAt(bytes, kSequenceAt, header.sequence);
  PutAt(bytes, kFirstIndexAt, header.first_index.value);
  PutAt(bytes, kLastSeqAt, header.last_seq);
  PutAt(bytes, kLastCrcAt, header.last_crc);
  PutAt(bytes, kHeaderCrcAt, Crc32c(std::string_view(bytes).substr(0, kHeaderCrcAt)));
  return bytes;
}

uint32_t SegmentCrc(std::string_view encoded_header) {
  return GetAt<uint32_t>(encoded_header, kHeaderCrcAt);
}

absl::StatusOr<SegmentHeader> ParseSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return absl::DataLossError("the header is cut off");
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  if (Crc32c(bytes.substr(0, kHeaderCrcAt)) != SegmentCrc(bytes)) {
    return absl::DataLossError("the header's CRC is wrong");
  }
  if (bytes.substr(0, kMagic.size()) != kMagic) return absl::DataLossError("not a log segment");
  if (const auto format = GetAt<uint32_t>(bytes, kFormatAt); format != kWalFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("format ", format, " is not known; this version reads ", kWalFormat));
  }
  SegmentHeader header;
  header.segment_bytes = GetAt<uint32_t>(bytes, kSegmentBytesAt);
  header.identity.cluster.value = GetAt<uint64_t>(bytes, kClusterAt);
  header.identity.id.value = GetAt<uint64_t>(bytes, kNodeAt);
  header.identity.incarnation.value = GetAt<uint64_t>(bytes, kIncarnationAt);
  header.sequence = GetAt<uint64_t>(bytes, kSequenceAt);
  header.first_index.value = GetAt<uint64_t>(bytes, kFirstIndexAt);
  header.last_seq = GetAt<uint64_t>(bytes, kLastSeqAt);
  header.last_crc = GetAt<uint32_t>(bytes, kLastCrcAt);
  return header;
}

size_t RecordBytes(size_t data_bytes) { return (kRecordHeaderBytes + data_bytes + 7) / 8 * 8; }

uint32_t AppendRecord(const Record& record, RecordPlace place, uint32_t previous_crc,
                      std::string& out) {
  const size_t begin = out.size();
  out.resize(begin + kRecordHeaderBytes);
  PutAt(out, begin + kPreviousCrcAt, previous_crc);
  PutAt(out, begin + kDataBytesAt, static_cast<uint32_t>(record.data.size()));
  PutAt(out, begin + kTypeAt, record.type);
  PutAt(out, begin + kKindAt, record.kind);
  PutAt(out, begin + kSeqAt, record.seq);
  PutAt(out, begin + kSyncedSeqAt, record.synced_seq);
  PutAt(out, begin + kTermAt, record.term.value);
  PutAt(out, begin + kIndexAt, record.index.value);
  out.append(record.data);
  out.resize(begin + RecordBytes(record.data.size()));
  const uint32_t crc = CrcAt(place, std::string_view(out).substr(begin + kPreviousCrcAt));
  PutAt(out, begin, crc);
  return crc;
}

std::optional<ParsedRecord> ParseRecord(std::string_view bytes, RecordPlace place) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  // What can be seen at a glance first: a search tries this at every eighth byte.
  const auto type = GetAt<uint8_t>(bytes, kTypeAt);
  const auto kind = GetAt<uint8_t>(bytes, kKindAt);
  const auto data_bytes = GetAt<uint32_t>(bytes, kDataBytesAt);
  if (type < 1 || type > 6 || kind < 1 || kind > 3) return std::nullopt;
  if (GetAt<uint16_t>(bytes, kZeroAt) != 0) return std::nullopt;
  if (data_bytes > bytes.size() - kRecordHeaderBytes) return std::nullopt;
  const size_t size = RecordBytes(data_bytes);
  if (size > bytes.size()) return std::nullopt;

  ParsedRecord parsed;
  parsed.crc = GetAt<uint32_t>(bytes, 0);
  if (CrcAt(place, bytes.substr(kPreviousCrcAt, size - kPreviousCrcAt)) != parsed.crc) {
    return std::nullopt;
  }
  parsed.previous_crc = GetAt<uint32_t>(bytes, kPreviousCrcAt);
  parsed.bytes = size;
  parsed.record.type = static_cast<RecordType>(type);
  parsed.record.kind = static_cast<EntryKind>(kind);
  parsed.record.seq = GetAt<uint64_t>(bytes, kSeqAt);
  parsed.record.synced_seq = GetAt<uint64_t>(bytes, kSyncedSeqAt);
  parsed.record.term.value = GetAt<uint64_t>(bytes, kTermAt);
  parsed.record.index.value = GetAt<uint64_t>(bytes, kIndexAt);
  parsed.record.data = bytes.substr(kRecordHeaderBytes, data_bytes);
  if (parsed.record.type == RecordType::kHardState && data_bytes != sizeof(uint64_t)) {
    return std::nullopt;
  }
  return parsed;
}

Record HardStateRecord(const HardState& state, std::string& data) {
  data.clear();
  PutBack(data, state.vote.value);
  return {.type = RecordType::kHardState, .term = state.term, .index = state.commit, .data = data};
}

HardState HardStateOf(const Record& record) {
  return {.term = record.term, .vote = {GetAt<uint64_t>(record.data, 0)}, .commit = record.index};
}

}  // namespace z4j::consensus
