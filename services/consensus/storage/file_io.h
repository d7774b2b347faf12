#ifndef Z4J_CONSENSUS_STORAGE_FILE_IO_H_
#define Z4J_CONSENSUS_STORAGE_FILE_IO_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/storage/disk.h"

namespace z4j::consensus {

// The whole file.  NOT_FOUND: there is none.
absl::StatusOr<std::string> ReadWholeFile(Disk& disk, const std::string& name);

// The file has its name and its bytes, or it is not there (or as it was before); durable on return.
absl::Status WriteWholeFile(Disk& disk, const std::string& name, std::string_view bytes);

// `status` with "<name>: " before its message.
absl::Status AtFile(std::string_view name, const absl::Status& status);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_FILE_IO_H_
