#ifndef Z4J_CONSENSUS_STORAGE_WAL_FORMAT_H_
#define Z4J_CONSENSUS_STORAGE_WAL_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/consensus/raft/types.h"
#include "services/consensus/storage/log_storage.h"

// The bytes of the write-ahead log, as docs/formats.md specifies them.  Pure.
namespace z4j::consensus {

inline constexpr uint32_t kWalFormat = 1;
inline constexpr size_t kSegmentHeaderBytes = 512;  // A sector of its own, never written again.
inline constexpr size_t kRecordHeaderBytes = 48;
// Kept free at a segment's end for the last SYNCED and for CLOSED.
inline constexpr size_t kSegmentReserveBytes = 2 * kRecordHeaderBytes;

struct SegmentHeader {
  uint32_t segment_bytes = 0;
  NodeIdentity identity;
  uint64_t sequence = 0;  // Of segments; the first is 1.
  Index first_index;      // The next entry's, unless a record says otherwise.
  uint64_t last_seq = 0;  // Of the record that ends the segment before; 0: there is none.
  uint32_t last_crc = 0;  // Its CRC: the chain goes on here.
};

enum class RecordType : uint8_t {
  kEntry = 1,      // term, index, kind, data.
  kHardState = 2,  // term, vote (in the data), commit (as index).
  kTruncate = 3,   // Entries from index on are void.
  kSnapshot = 4,   // All entries are void; the log goes on after (index, term).
  kSynced = 5,     // Says only what its synced_seq says.
  kClosed = 6,     // The next segment exists; stands beside the chain.
};

struct Record {
  RecordType type = RecordType::kSynced;
  EntryKind kind = EntryKind::kCommand;  // Of an entry.
  uint64_t seq = 0;                      // Counts records over all segments; the first is 1.
  uint64_t synced_seq = 0;  // When this was written, everything up to here was durable.
  Term term = {};
  Index index = {};
  std::string_view data = {};  // Into the bytes that it was parsed from.
};

// Where a record stands; goes into its CRC, so that a record elsewhere is none.
struct RecordPlace {
  uint32_t segment_crc = 0;  // The header's.
  uint64_t offset = 0;       // In the segment; a multiple of 8.
};

struct ParsedRecord {
  Record record;
  uint32_t crc = 0;
  uint32_t previous_crc =
      0;             // As it says itself; whether the chain holds is the caller's to check.
  size_t bytes = 0;  // With padding.
};

std::string EncodeSegmentHeader(const SegmentHeader& header);
uint32_t SegmentCrc(std::string_view encoded_header);
// DATA_LOSS: not a whole header.  FAILED_PRECONDITION: whole, but of a format that this version
// does not know.
absl::StatusOr<SegmentHeader> ParseSegmentHeader(std::string_view bytes);

// With padding to 8 bytes.
size_t RecordBytes(size_t data_bytes);
// Appends the record to `out`; returns its CRC.
uint32_t AppendRecord(const Record& record, RecordPlace place, uint32_t previous_crc,
                      std::string& out);
// The record at the beginning of `bytes` if all of it is there and whole.
std::optional<ParsedRecord> ParseRecord(std::string_view bytes, RecordPlace place);

Record HardStateRecord(const HardState& state, std::string& data);  // `data` keeps the vote.
HardState HardStateOf(const Record& record);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_WAL_FORMAT_H_
