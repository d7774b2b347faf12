#include "services/consensus/storage/testing/small_node.h"

#include <cstdlib>

#include "services/base/status_macros.h"

namespace z4j::consensus {

WalOptions SmallSegments() { return {.segment_bytes = 4096, .spare_segments = 2}; }

Config OneVoter() {
  Config config;
  config.voters = {NodeId{1}};
  config.members[NodeId{1}] = {.address = "a:1", .incarnation = {33}};
  return config;
}

std::unique_ptr<SimulatedDisk> MakeSmallNode() {
  auto disk = std::make_unique<SimulatedDisk>();
  if (!CreateStorage(*disk, kSmallIdentity, OneVoter(), SmallSegments()).ok()) std::abort();
  return disk;
}

absl::StatusOr<std::unique_ptr<LogStorage>> OpenSmallNode(Disk& disk) {
  return OpenStorage(disk, kSmallIdentity, SmallSegments());
}

Write SmallEntry(uint64_t index, size_t bytes) {
  Write write;
  write.must_sync = true;
  write.entries.push_back({.term = {1},
                           .index = {index},
                           .kind = EntryKind::kCommand,
                           .data = MakePayload(std::string(bytes, static_cast<char>(index)))});
  return write;
}

Write SmallVote(uint64_t term, uint64_t vote) {
  Write write;
  write.must_sync = true;
  write.hard_state = HardState{{term}, {vote}, {0}};
  return write;
}

size_t CountFiles(SimulatedDisk& disk, const std::string& prefix) {
  const absl::StatusOr<std::vector<std::string>> names = disk.List();
  size_t count = 0;
  for (const std::string& name : names.value()) count += name.starts_with(prefix) ? 1 : 0;
  return count;
}

uint64_t FillSegments(SimulatedDisk& disk, LogStorage& storage, uint64_t first, size_t segments) {
  uint64_t index = first;
  do {
    if (!storage.Append({SmallEntry(index++)}).ok()) std::abort();
  } while (CountFiles(disk, "log-") < segments);
  return index - 1;
}

absl::Status WriteSmallSnapshot(LogStorage& storage, uint64_t index, const std::string& state) {
  SnapshotMeta meta;
  meta.index.value = index;
  meta.term.value = 1;
  meta.config = OneVoter();
  ASSIGN_OR_RETURN(auto writer, storage.WriteSnapshot(meta, ""));
  RETURN_IF_ERROR(writer->Append(state));
  return writer->Commit();
}

}  // namespace z4j::consensus
