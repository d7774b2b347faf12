#include "services/consensus/server/restore.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/machine/coordination_machine.h"
#include "services/consensus/server/data_directory.h"
#include "services/consensus/storage/backup.h"
#include "services/consensus/storage/posix_disk.h"
#include "services/consensus/storage/wal_storage.h"

namespace z4j::consensus {
namespace {

namespace fs = std::filesystem;

// What the new cluster begins with.
struct Start {
  Restored restored;
  Term term;
  std::string state;
};

// The backup's state, in its new epoch.
absl::StatusOr<Start> StartOf(const RestoreOptions& options, std::string_view bytes) {
  ASSIGN_OR_RETURN(const Backup backup, DecodeBackup(bytes));
  CoordinationMachine machine;
  RETURN_IF_ERROR(machine.Load(backup.state));
  const Epoch epoch = options.epoch.value_or(Epoch{machine.epoch().value + 1});
  if (epoch <= machine.epoch() || epoch.value > kEpochMax) {
    return FieldError("epoch",
                      absl::StrCat("is ", epoch.value, "; it must be above ", machine.epoch().value,
                                   ", the backup's, and at most ", kEpochMax));
  }
  // As if it were the next entry: every node that restores comes to the same state.
  const Index index = std::max(backup.meta.index, machine.applied()) + 1;
  machine.Apply(index, EncodeCommand({machine.now(), std::nullopt, SetEpoch{epoch}}));
  const std::string made_of = absl::StrCat(absl::BytesToHexString(backup.sha256), ":", epoch.value);
  return Start{.restored = {.cluster = ClusterIdOf(options.cluster_name, options.members, made_of),
                            .epoch = epoch,
                            .index = index},
               .term = backup.meta.term,
               .state = machine.Save()};
}

// Fills the empty directory `path`.
absl::Status Fill(const std::string& path, const RestoreOptions& options, const Start& start) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Disk> disk, OpenPosixDisk(path));
  const Config config = FirstConfig(options.members);
  const NodeIdentity identity = {start.restored.cluster, options.id, {RandomNumber()}};
  RETURN_IF_ERROR(CreateStorage(*disk, identity, config));
  ASSIGN_OR_RETURN(const std::unique_ptr<LogStorage> storage, OpenStorage(*disk, identity));
  const SnapshotMeta meta = {.index = start.restored.index,
                             .term = start.term,
                             .config = config,
                             .config_index = start.restored.index};
  ASSIGN_OR_RETURN(const std::unique_ptr<SnapshotWriter> writer, storage->WriteSnapshot(meta, ""));
  RETURN_IF_ERROR(writer->Append(start.state));
  RETURN_IF_ERROR(writer->Commit());
  Write write;
  write.seq = 1;
  write.hard_state = HardState{.term = start.term, .vote = {}, .commit = start.restored.index};
  write.snapshot = meta;
  write.must_sync = true;
  return storage->Append({write});
}

absl::Status Failed(absl::string_view what, const std::error_code& error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, ": ", error.message()));
}

}  // namespace

absl::StatusOr<Restored> RestoreDataDirectory(const RestoreOptions& options,
                                              std::string_view backup) {
  if (!options.members.contains(options.id)) {
    return FieldError("members", absl::StrCat("has no node ", options.id.value,
                                              ", whose directory this is to be"));
  }
  std::error_code error;
  const bool there = fs::exists(options.data_dir, error);
  if (error) return Failed(absl::StrCat("look at ", options.data_dir), error);
  if (there && !fs::is_empty(options.data_dir, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.data_dir, " is there and not empty; restore into a new folder"));
  }
  ASSIGN_OR_RETURN(const Start start, StartOf(options, backup));
  RETURN_IF_ERROR(MakeParentsOf(options.data_dir));
  // Aside, so that an interrupted restore is none: the node would take it for its directory.
  const std::string aside = absl::StrCat(absl::StripSuffix(options.data_dir, "/"), ".restoring");
  fs::remove_all(aside, error);
  if (error) return Failed(absl::StrCat("remove ", aside), error);
  RETURN_IF_ERROR(Fill(aside, options, start));
  fs::rename(aside, options.data_dir, error);
  if (error) return Failed(absl::StrCat("rename ", aside), error);
  return start.restored;
}

}  // namespace z4j::consensus
