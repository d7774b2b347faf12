#ifndef Z4J_CONSENSUS_STORAGE_WAL_RECOVERY_H_
#define Z4J_CONSENSUS_STORAGE_WAL_RECOVERY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/segment.h"

// Reads the log back and judges what is wrong with it: docs/formats.md has the decision table.
namespace z4j::consensus {

struct LiveSegment {
  uint64_t sequence = 0;
  Index first_index;  // As its header says.
  uint64_t bytes = 0;
};

// Where the next record goes.
struct LogTail {
  uint64_t offset = 0;
  uint32_t header_crc = 0;
  uint64_t last_seq = 0;
  uint32_t last_crc = 0;
  // Records from here to `offset` may never have reached the disk, although they can be read.
  uint64_t proven_offset = 0;
  uint64_t dirty_end = 0;    // Behind the remains of a torn write.
  bool ends_synced = false;  // The last record is a SYNCED.
};

struct RecoveredLog {
  std::vector<LiveSegment> segments;  // Consecutive; the last one is written to.
  std::vector<std::string> stale;     // Segments whose removal was under way.
  HardState hard_state;
  Index first{1};  // Of `entries`, or where the first would be.
  std::vector<Entry> entries;
  LogTail tail;
  // Empty unless something that had been confirmed is gone; then `entries` and `hard_state` are
  // what stands before that place, and the reason names it.
  std::string damage;

  Index next() const { return first + entries.size(); }
};

// Reads all segments; writes nothing.  Empty `segments`: there is none.
//   FAILED_PRECONDITION  a segment belongs to another node, or has an unknown format.
// Others as the disk's.
absl::StatusOr<RecoveredLog> RecoverLog(Disk& disk, const NodeIdentity& identity);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_WAL_RECOVERY_H_
