#include "services/consensus/server/data_directory.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/server/founding.h"
#include "services/consensus/storage/identity_file.h"
#include "services/consensus/storage/posix_disk.h"
#include "services/consensus/storage/wal_storage.h"

namespace z4j::consensus {

absl::Status MakeParentsOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::absolute(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot make the folder ", parent.string(), ": ", error.message()));
}

absl::StatusOr<DataDirectory> OpenDataDirectory(
    const std::string& path, NodeId id, absl::FunctionRef<absl::StatusOr<Beginning>()> begin) {
  RETURN_IF_ERROR(MakeParentsOf(path));
  DataDirectory directory;
  ASSIGN_OR_RETURN(directory.disk, OpenPosixDisk(path));
  if (absl::IsNotFound(ReadIdentity(*directory.disk).status())) {
    ASSIGN_OR_RETURN(const Beginning beginning, begin());
    const NodeIdentity identity = {beginning.cluster, id, {RandomNumber()}};
    RETURN_IF_ERROR(CreateStorage(*directory.disk, identity, beginning.config));
    LogInfo("made the directory of a consensus node",
            {{"node", id.value},
             {"cluster", absl::Hex(beginning.cluster.value, absl::kZeroPad16)},
             {"data_dir", path}});
  }
  ASSIGN_OR_RETURN(directory.storage, OpenStorage(*directory.disk, {{}, id, {}}));
  return directory;
}

}  // namespace z4j::consensus
