#include "services/consensus/storage/backup.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/storage/snapshot_file.h"
#include "services/consensus/storage/snapshot_store.h"
#include "services/consensus/storage/testing/simulated_disk.h"

namespace z4j::consensus {
namespace {

constexpr NodeIdentity kIdentity = {{7}, {2}, {1002}};

SnapshotMeta Meta() {
  SnapshotMeta meta{.index = {40}, .term = {3}, .config = {}, .config_index = {5}};
  meta.config.voters = {NodeId{2}};
  meta.config.members[NodeId{2}] = {"b:1", {1002}};
  return meta;
}

std::string StateOf(size_t size) {
  std::string state(size, '\0');
  for (size_t i = 0; i < size; ++i) state[i] = static_cast<char>(i * 31 + i / 251);
  return state;
}

TEST(BackupTest, ComesBackAsItWas) {
  for (size_t size : {size_t{0}, size_t{1}, kSnapshotChunkBytes, kSnapshotChunkBytes + 1,
                      3 * kSnapshotChunkBytes - 1}) {
    ASSERT_OK_AND_ASSIGN(const Backup backup,
                         DecodeBackup(EncodeBackup(kIdentity, Meta(), StateOf(size))));
    EXPECT_EQ(backup.identity, kIdentity);
    EXPECT_EQ(backup.meta, Meta());
    EXPECT_EQ(backup.state, StateOf(size)) << size;
  }
}

TEST(BackupTest, EveryWrongByteIsSeen) {
  const std::string right = EncodeBackup(kIdentity, Meta(), StateOf(1000));
  for (size_t at = 0; at < right.size(); ++at) {
    std::string wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x10);
    EXPECT_FALSE(DecodeBackup(wrong).ok()) << at;
  }
}

TEST(BackupTest, WhatIsCutOffOrLongerIsSeen) {
  const std::string right = EncodeBackup(kIdentity, Meta(), StateOf(kSnapshotChunkBytes + 100));
  for (size_t size = 0; size < right.size(); size += 97) {
    EXPECT_FALSE(DecodeBackup(right.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeBackup(right + "x").ok());
}

TEST(BackupTest, ItIsTheFileThatANodeKeeps) {
  SimulatedDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, SnapshotStore::Open(disk, kIdentity));
  ASSERT_OK_AND_ASSIGN(const auto writer, store->Write(Meta(), ""));
  const std::string state = StateOf(kSnapshotChunkBytes + 100);
  ASSERT_OK(writer->Append(state));
  ASSERT_OK(writer->Commit());
  EXPECT_EQ(disk.Contents(SnapshotName(Meta())), EncodeBackup(kIdentity, Meta(), state));
}

}  // namespace
}  // namespace z4j::consensus
