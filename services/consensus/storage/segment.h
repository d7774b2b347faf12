#ifndef Z4J_CONSENSUS_STORAGE_SEGMENT_H_
#define Z4J_CONSENSUS_STORAGE_SEGMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/storage/wal_format.h"

// One segment of the log as a file's bytes.  Pure.
namespace z4j::consensus {

std::string SegmentName(uint64_t sequence);                      // "log-000000000000002a"
std::optional<uint64_t> SegmentSequence(std::string_view file);  // None: no segment's name.
std::string SpareName(uint64_t number);                          // "spare-000000000000002a"
std::optional<uint64_t> SpareNumber(std::string_view file);

struct PlacedRecord {
  uint64_t offset = 0;
  ParsedRecord parsed;
};

// What a reading from the front finds: the records whose CRCs and chain are right.
struct SegmentScan {
  SegmentHeader header;
  uint32_t header_crc = 0;
  std::vector<PlacedRecord> records;  // Their data point into the scanned bytes.
  uint64_t end = 0;                   // Of the last of them.
  uint64_t last_seq = 0;              // Of the last of them; the header's if there is none.
  uint32_t last_crc = 0;
  bool closed = false;  // A CLOSED record follows: the next segment was there.

  uint64_t dirty_end = 0;  // Behind the last byte that is not zero; >= end.
  // Whole records behind `end`, which the chain does not reach: of a torn write, or behind rot.
  std::vector<PlacedRecord> strays;
  // The largest synced_seq that any of them carries; 0: there is none.  Not less
  // than last_seq + 1 proves that the record missing at `end` had been on the disk.
  uint64_t witness = 0;

  bool torn() const { return dirty_end > end; }
  bool rotten() const {
    if (Broken(Rule::kWitnessTellsRot)) return false;
    if (Broken(Rule::kOnlyAWitnessTellsRot)) return !strays.empty() && !closed;
    return witness > last_seq;
  }
};

// Reads `bytes`, a whole segment.  DATA_LOSS: the header is wrong, or the size is not what it says;
// FAILED_PRECONDITION: an unknown format.
absl::StatusOr<SegmentScan> ScanSegment(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_SEGMENT_H_
