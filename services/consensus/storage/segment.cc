#include "services/consensus/storage/segment.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/status_macros.h"
#include "services/consensus/storage/bytes.h"

namespace z4j::consensus {
namespace {

constexpr std::string_view kSegmentPrefix = "log-";
constexpr std::string_view kSparePrefix = "spare-";
constexpr size_t kDigits = 16;

std::optional<uint64_t> NumberOf(std::string_view prefix, std::string_view file) {
  if (!file.starts_with(prefix) || file.size() != prefix.size() + kDigits) return std::nullopt;
  uint64_t number = 0;
  for (const char c : file.substr(prefix.size())) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    number = number * 16 + static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return number;
}

uint64_t DirtyEnd(std::string_view bytes, uint64_t from) {
  uint64_t end = bytes.size();
  while (end >= from + 8 && GetAt<uint64_t>(bytes, end - 8) == 0) end -= 8;  // Mostly zeros.
  while (end > from && bytes[end - 1] == '\0') --end;
  return end;
}

// Looks at every place where a record could begin: the chain is broken, so nothing tells where one
// does.
void FindStrays(std::string_view bytes, SegmentScan& scan) {
  for (uint64_t at = scan.end; at < scan.dirty_end; at += 8) {
    const auto parsed =
        ParseRecord(bytes.substr(at), {.segment_crc = scan.header_crc, .offset = at});
    if (!parsed.has_value()) continue;
    scan.strays.push_back({.offset = at, .parsed = *parsed});
    scan.witness = std::max(scan.witness, parsed->record.synced_seq);
  }
}

}  // namespace

std::string SegmentName(uint64_t sequence) {
  return absl::StrFormat("%s%016x", std::string(kSegmentPrefix), sequence);
}
std::optional<uint64_t> SegmentSequence(std::string_view file) {
  return NumberOf(kSegmentPrefix, file);
}
std::string SpareName(uint64_t number) {
  return absl::StrFormat("%s%016x", std::string(kSparePrefix), number);
}
std::optional<uint64_t> SpareNumber(std::string_view file) { return NumberOf(kSparePrefix, file); }

absl::StatusOr<SegmentScan> ScanSegment(std::string_view bytes) {
  SegmentScan scan;
  ASSIGN_OR_RETURN(scan.header, ParseSegmentHeader(bytes));
  if (bytes.size() != scan.header.segment_bytes) {
    return absl::DataLossError(absl::StrCat("the file has ", bytes.size(), " bytes instead of ",
                                            scan.header.segment_bytes));
  }
  scan.header_crc = SegmentCrc(bytes);
  scan.end = kSegmentHeaderBytes;
  scan.last_seq = scan.header.last_seq;
  scan.last_crc = scan.header_crc;
  while (true) {
    auto parsed =
        ParseRecord(bytes.substr(scan.end), {.segment_crc = scan.header_crc, .offset = scan.end});
    if (!parsed.has_value() || parsed->previous_crc != scan.last_crc ||
        parsed->record.seq != scan.last_seq + 1) {
      break;
    }
    if (parsed->record.type == RecordType::kClosed) {
      scan.closed = true;
      break;
    }
    scan.last_seq = parsed->record.seq;
    scan.last_crc = parsed->crc;
    scan.records.push_back({.offset = scan.end, .parsed = *parsed});
    scan.end += parsed->bytes;
  }
  scan.dirty_end = DirtyEnd(bytes, scan.end);
  FindStrays(bytes, scan);
  return scan;
}

}  // namespace z4j::consensus
