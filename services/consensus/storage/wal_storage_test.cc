#include "services/consensus/storage/wal_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/testing/simulated_disk.h"

namespace z4j::consensus {
namespace {

TEST(WalStorageTest, GivesBackWhatWasAppended) {
  SimulatedDisk disk;
  const NodeIdentity id = {{1}, {2}, {3}};
  ASSERT_OK(CreateStorage(disk, id, Config{}, {.segment_bytes = 4096}));
  {
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<LogStorage> storage,
                         OpenStorage(disk, id, {.segment_bytes = 4096}));
    EXPECT_FALSE(storage->recovered().damaged);
    for (uint64_t i = 1; i < 300; ++i) {
      Write write;
      write.must_sync = true;
      write.hard_state = HardState{{i}, {2}, {i - 1}};
      write.entries.push_back({{i}, {i}, EntryKind::kCommand, MakePayload(std::string(i, 'x'))});
      ASSERT_OK(storage->Append({write}));
    }
  }
  disk.Restart();
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<LogStorage> storage,
                       OpenStorage(disk, id, {.segment_bytes = 4096}));
  EXPECT_EQ(storage->damage(), "");
  EXPECT_EQ(storage->recovered().entries.size(), 299);
  EXPECT_EQ(storage->recovered().hard_state.term.value, 299);
}

}  // namespace
}  // namespace z4j::consensus
