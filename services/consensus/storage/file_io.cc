#include "services/consensus/storage/file_io.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::consensus {

absl::StatusOr<std::string> ReadWholeFile(Disk& disk, const std::string& name) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(name, /*create=*/false));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  return file->Read(0, size);
}

absl::Status WriteWholeFile(Disk& disk, const std::string& name, std::string_view bytes) {
  const std::string temporary = absl::StrCat("temporary-", name);
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(temporary, /*create=*/true));
  RETURN_IF_ERROR(file->Truncate(0));
  RETURN_IF_ERROR(file->Write(0, bytes));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(disk.Rename(temporary, name));
  return disk.SyncDirectory();
}

absl::Status AtFile(std::string_view name, const absl::Status& status) {
  return {status.code(),
          absl::StrCat(absl::string_view(name.data(), name.size()), ": ", status.message())};
}

}  // namespace z4j::consensus
