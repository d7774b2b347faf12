#include "services/consensus/raft/disk_queue.h"

#include <gtest/gtest.h>

#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

constexpr HardState kState = {{1}, {}, {}};

Promise AnyReply() {
  Message message;
  message.body = AppendReply{};
  return message;
}

TEST(DiskQueueTest, APromiseWaitsForTheWriteThatItRestsOn) {
  Log log({}, EntriesOf({1}));
  DiskQueue disk(kState, {0});
  EXPECT_FALSE(disk.Withhold(AnyReply(), kState, log.last()).has_value());
  const std::optional<Write> write = disk.TakeWrite(kState, log);
  ASSERT_TRUE(write.has_value());
  EXPECT_TRUE(write->must_sync);
  EXPECT_EQ(disk.persisted(), Index{0});
  EXPECT_EQ(disk.Persisted(write->seq).size(), 1);
  EXPECT_EQ(disk.persisted(), Index{1});
  EXPECT_TRUE(disk.Withhold(AnyReply(), kState, log.last()).has_value());  // All is there.
}

// R36: a moved commit index alone is a hint, and nothing at all is no write.
TEST(DiskQueueTest, OnlyPromisesNeedASync) {
  Log log({}, EntriesOf({1}));
  DiskQueue disk(kState, {1});
  EXPECT_FALSE(disk.TakeWrite(kState, log).has_value());
  HardState committed = kState;
  committed.commit = {1};
  const std::optional<Write> hint = disk.TakeWrite(committed, log);
  ASSERT_TRUE(hint.has_value());
  EXPECT_FALSE(hint->must_sync);
  // Not even a promise waits for the hint.
  EXPECT_TRUE(disk.Withhold(AnyReply(), committed, log.last()).has_value());
}

// R21: what was cut off is not durable, however far the disk had come.
TEST(DiskQueueTest, ATruncationTakesBackWhatWasDurable) {
  Log log({}, EntriesOf({1, 1, 1}));
  DiskQueue disk(kState, {3});
  log.TruncateFrom({2});
  disk.TruncatedFrom({2});
  EXPECT_EQ(disk.persisted(), Index{1});
  log.Append(EntryAt(2, 2));
  const std::optional<Write> write = disk.TakeWrite({{2}, {}, {}}, log);
  EXPECT_EQ(write->truncate_from, Index{2});
  ASSERT_EQ(write->entries.size(), 1);
  EXPECT_EQ(disk.persisted(), Index{1});
  disk.Persisted(write->seq);
  EXPECT_EQ(disk.persisted(), Index{2});
}

// R23: the same entry came, was overwritten, and came back.  The first write's completion proves
// nothing, as the disk may hold the other one when it goes down between the second and the third.
TEST(DiskQueueTest, ALateCompletionDoesNotVouchForEntriesThatWereOverwrittenMeanwhile) {
  Log log({}, EntriesOf({1, 1}));
  DiskQueue disk(kState, {1});
  const uint64_t first = disk.TakeWrite(kState, log)->seq;
  log.TruncateFrom({2});
  disk.TruncatedFrom({2});
  log.Append(EntryAt(2, 2));
  const uint64_t second = disk.TakeWrite({{2}, {}, {}}, log)->seq;
  log.TruncateFrom({2});
  disk.TruncatedFrom({2});
  log.Append(EntryAt(2, 1));
  const uint64_t third = disk.TakeWrite({{3}, {}, {}}, log)->seq;
  disk.Persisted(first);
  EXPECT_EQ(disk.persisted(), Index{1});
  disk.Persisted(second);
  EXPECT_EQ(disk.persisted(), Index{1});
  disk.Persisted(third);
  EXPECT_EQ(disk.persisted(), Index{2});
}

TEST(DiskQueueTest, EntriesThatTheDiskNeverHeardOfAreCutWithoutTellingIt) {
  Log log({}, EntriesOf({1, 1}));
  DiskQueue disk(kState, {1});
  log.TruncateFrom({2});
  disk.TruncatedFrom({2});
  log.Append(EntryAt(2, 2));
  const std::optional<Write> write = disk.TakeWrite({{2}, {}, {}}, log);
  EXPECT_FALSE(write->truncate_from.has_value());
  EXPECT_EQ(write->entries.size(), 1);
}

TEST(DiskQueueTest, AnInstalledSnapshotIsDurableWithItsOwnWrite) {
  Log log({}, EntriesOf({1, 1, 1}));
  DiskQueue disk(kState, {3});
  SnapshotMeta meta{{9}, {2}, VotersUpTo(3), {}};
  disk.Restarted(meta, /*commit=*/{1});
  log.Restart({{9}, {2}});
  EXPECT_EQ(disk.persisted(), Index{1});  // Of the old log, what was committed.
  log.Append(EntryAt(10, 2));
  const std::optional<Write> write = disk.TakeWrite({{2}, {}, {9}}, log);
  EXPECT_EQ(write->snapshot, meta);
  EXPECT_FALSE(write->truncate_from.has_value());
  EXPECT_EQ(write->entries.size(), 1);
  disk.Persisted(write->seq);
  EXPECT_EQ(disk.persisted(), Index{10});
}

}  // namespace
}  // namespace z4j::consensus
