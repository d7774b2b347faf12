#ifndef Z4J_CONSENSUS_STORAGE_WAL_READER_H_
#define Z4J_CONSENSUS_STORAGE_WAL_READER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/segment.h"

// For operators: what stands in a node's directory, and whether it is right.  Writes nothing.
namespace z4j::consensus {

struct DumpedRecord {
  std::string_view file;
  uint64_t offset = 0;
  const Record& record;
  bool stray = false;  // Whole, but the chain does not reach it.
};

// Calls `visit` for each record of each segment, in order; of a segment whose header is wrong, for
// none.  The data are valid during the call alone.
absl::Status DumpLog(Disk& disk, absl::FunctionRef<void(const DumpedRecord&)> visit);

// "entry 17, term 3, command, 120 bytes"; never an entry's data.
std::string RecordText(const Record& record);

struct FileVerdict {
  std::string file;
  std::string text;  // "whole, 34 records", "torn at 4711: …", "wrong: …".
  bool wrong = false;
};

struct StorageVerdict {
  NodeIdentity identity;
  std::vector<FileVerdict> files;  // All that the storage knows by name, sorted.
  std::string damage;              // What OpenStorage would call damaged() for; else empty.
};

// Reads everything once.  Errors as OpenStorage.
absl::StatusOr<StorageVerdict> VerifyStorage(Disk& disk);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_WAL_READER_H_
