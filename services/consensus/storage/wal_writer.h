#ifndef Z4J_CONSENSUS_STORAGE_WAL_WRITER_H_
#define Z4J_CONSENSUS_STORAGE_WAL_WRITER_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/limits.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/wal_recovery.h"

namespace z4j::consensus {

struct WalOptions {
  size_t segment_bytes = kSegmentBytes;
  int spare_segments = kSpareSegments;  // At least 1: the last one is the reserve of hard states.
};

// The writing end of the log: appends records, goes from segment to segment, removes old ones.
// Knows of entries and terms only what a new segment's beginning must repeat.
//
// DATA_LOSS is final: the disk failed, nothing is known about what it has, every later call fails
// with the same error, and the process must end.  Not thread-safe.
class WalWriter {
 public:
  // Makes the first segment and the spares in a directory that has none; durable on return.
  static absl::Status Create(Disk& disk, const NodeIdentity& identity, const WalOptions& options);

  // Goes on where `log`, which is not damaged, ends: what a torn write left is zeroed, and what may
  // have been read from the machine's cache alone is written again and synced.
  static absl::StatusOr<std::unique_ptr<WalWriter>> Open(Disk& disk, const NodeIdentity& identity,
                                                         const WalOptions& options,
                                                         const RecoveredLog& log);

  // Appends `records`, whose seq, synced_seq are set here, as one run of bytes and, if `sync`, one
  // sync; each segment's end costs one more.
  //   RESOURCE_EXHAUSTED  the disk is full; nothing was appended.  `into_reserve`: only when the
  //                       reserve is used up, too.
  //   INVALID_ARGUMENT    a record larger than a segment; nothing was appended.
  absl::Status Append(const std::vector<Record>& records, bool sync, bool into_reserve);

  // Makes spares and makes the last SYNCED durable.  RESOURCE_EXHAUSTED: no room for the spares.
  absl::Status Prepare();

  // Makes a slice of a spare, if one is missing and the last Prepare() found room.
  absl::Status PrepareSome();

  // Removes the segments that hold only entries before `first`.
  absl::Status RemoveBefore(Index first);

  uint64_t bytes_used() const;
  uint64_t synced_seq() const { return synced_seq_; }

 private:
  struct Position {
    uint64_t sequence = 0;
    uint64_t offset = 0;
    uint32_t header_crc = 0;
    uint64_t seq = 0;  // Of the last record.
    uint32_t crc = 0;
    uint64_t segment_bytes = 0;
  };

  WalWriter(Disk& disk, const NodeIdentity& identity, const WalOptions& options)
      : disk_(disk), identity_(identity), options_(options) {}

  absl::Status Repair(const LogTail& tail);
  absl::Status FindSpares();
  // Goes on with the spare that is being made, by so many bytes.
  absl::Status MakeSpare(uint64_t bytes_max);
  absl::Status EnsureSpares(size_t count);
  // How many further segments the records need.
  absl::StatusOr<size_t> SegmentsFor(const std::vector<Record>& records) const;
  absl::Status Place(const std::vector<Record>& records, bool sync);
  absl::Status Rotate();
  absl::Status BeginSegment(uint64_t spare);
  void Encode(Record record, std::string& run);
  absl::Status WriteRun(std::string& run);
  absl::Status SyncSegment();
  absl::Status WriteSynced();
  absl::Status Fatal(const absl::Status& error);
  void Follow(const Record& record);

  Disk& disk_;
  const NodeIdentity identity_;
  const WalOptions options_;

  std::unique_ptr<File> file_;  // The last segment.
  Position at_;                 // Where the next record goes, unless a run is being built.
  uint64_t written_ = 0;        // Bytes of the last segment that were handed to the disk.
  uint64_t synced_seq_ = 0;     // Everything up to here is durable.
  HardState hard_state_;        // Of the last such record.
  Index next_index_{1};         // After the last record.
  std::vector<LiveSegment> segments_;
  std::deque<uint64_t> spares_;  // Their numbers.
  uint64_t next_spare_ = 1;
  std::unique_ptr<File> making_;  // The next spare, its first made_bytes_ being durable; or null.
  uint64_t made_bytes_ = 0;
  absl::Status room_;  // What came of the last attempt at spares.
  absl::Status broken_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_WAL_WRITER_H_
