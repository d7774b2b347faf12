// Disks that fill up, fail, or die between two steps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/segment.h"
#include "services/consensus/storage/testing/random.h"
#include "services/consensus/storage/testing/small_node.h"

namespace z4j::consensus {
namespace {

using testing::HasSubstr;

class WalFaultTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    storage_.reset();
    absl::StatusOr<std::unique_ptr<LogStorage>> opened = OpenSmallNode(*disk_);
    ASSERT_OK(opened);
    storage_ = *std::move(opened);
    ASSERT_EQ(storage_->damage(), "");
  }
  void Crash(uint64_t seed) {
    storage_.reset();
    disk_->Crash(SeededRandom(seed));
    Open();
  }
  size_t entries() const { return storage_->recovered().entries.size(); }

  std::unique_ptr<SimulatedDisk> disk_ = MakeSmallNode();
  std::unique_ptr<LogStorage> storage_;
};

TEST_F(WalFaultTest, WritesAllQueuedWritesAsOneRunAndSyncsOnce) {
  const SimulatedDisk::Counts before = disk_->counts();
  ASSERT_OK(storage_->Append({SmallVote(1, 1), SmallEntry(1), SmallEntry(2), SmallVote(2, 2)}));
  EXPECT_EQ(disk_->counts().syncs - before.syncs, 1);
  EXPECT_EQ(disk_->counts().writes - before.writes, 2) << "the run, and SYNCED after it";
  EXPECT_EQ(disk_->counts().directory_syncs, before.directory_syncs);
}

TEST_F(WalFaultTest, SyncsNothingForACommitHintAlone) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  const uint64_t before = disk_->counts().syncs;
  Write hint;
  hint.hard_state = HardState{{0}, {0}, {1}};
  ASSERT_OK(storage_->Append({hint}));
  EXPECT_EQ(disk_->counts().syncs, before);
}

// R24: what Append answered survives whatever the crash leaves of the rest.
TEST_F(WalFaultTest, AcknowledgesNothingBeforeItsSync) {
  for (uint64_t i = 1; i <= 60; ++i) {
    ASSERT_OK(storage_->Append({SmallEntry(i), SmallVote(i, i % 3)}));
    Crash(i);
    ASSERT_EQ(entries(), i) << "seed " << i;
    ASSERT_EQ(storage_->recovered().hard_state, (HardState{{i}, {i % 3}, {0}})) << "seed " << i;
  }
}

// Later records of an append may survive without the earlier ones: that is no rot.
TEST_F(WalFaultTest, TakesAnyPartOfAnUnsyncedAppendForTorn) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  std::vector<Write> writes;
  for (uint64_t i = 2; i <= 20; ++i) writes.push_back(SmallEntry(i));
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const std::unique_ptr<SimulatedDisk> disk = disk_->Clone();
    ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk));
    disk->FailAfter(1);  // The run is written, its sync is not.
    EXPECT_THAT(storage->Append(writes), StatusIs(absl::StatusCode::kDataLoss));
    disk->Crash(SeededRandom(seed));
    ASSERT_OK_AND_ASSIGN(storage, OpenSmallNode(*disk));
    ASSERT_EQ(storage->damage(), "") << "seed " << seed;
    ASSERT_GE(storage->recovered().entries.size(), 1) << "seed " << seed;
  }
}

// The hint reaches the disk before the entries that it is about: alone, it would commit what they
// replace.
TEST_F(WalFaultTest, ATornWriteNeverCommitsTheEntriesThatItWasToReplace) {
  size_t committed = 0, torn = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    disk_ = MakeSmallNode();
    Open();
    ASSERT_OK(storage_->Append({SmallVote(1, 2), SmallEntry(1, 8 * (seed % 64)), SmallEntry(2)}));
    Write write;
    write.must_sync = true;
    write.hard_state = HardState{{2}, {0}, {3}};
    write.truncate_from = Index{2};
    for (const uint64_t index : {2, 3}) {
      write.entries.push_back(SmallEntry(index, 900).entries[0]);
      write.entries.back().term = {2};
    }
    disk_->FailAfter(seed % 3);
    if (!storage_->Append({write}).ok())
      Crash(seed);
    else
      Open();
    const Recovered& found = storage_->recovered();
    for (const Entry& entry : found.entries) {
      if (entry.index < Index{2} || entry.index > found.hard_state.commit) continue;
      ASSERT_EQ(entry.term, Term{2});
      ++committed;
    }
    torn += entries() == 2 && found.entries[1].term == Term{1} && found.hard_state.term == Term{2};
  }
  EXPECT_GT(committed, 0);
  EXPECT_GT(torn, 0);
}

TEST_F(WalFaultTest, FailsForGoodWhenASyncFailed) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  disk_->FailNextSync();
  EXPECT_THAT(storage_->Append({SmallEntry(2)}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("the process must end")));
  const uint64_t syncs = disk_->counts().syncs;
  EXPECT_THAT(storage_->Append({SmallEntry(2)}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(storage_->Append({SmallVote(9, 1)}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(storage_->Prepare(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(storage_->Compact(Index{1}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(disk_->counts().syncs, syncs) << "a failed sync is never tried again";
}

// After a failed sync the cache shows bytes that are not on the disk and counts them as written.
TEST_F(WalFaultTest, WritesAgainWhatItReadFromTheCacheAfterAFailedSync) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  disk_->FailNextSync();
  EXPECT_THAT(storage_->Append({SmallEntry(2, 2000)}), StatusIs(absl::StatusCode::kDataLoss));
  disk_->Restart();
  Open();
  ASSERT_EQ(entries(), 2) << "the next process reads it";
  storage_.reset();
  disk_->DropCaches();
  Open();
  EXPECT_EQ(entries(), 2) << "so it must be durable";
}

// The names that a process found were given by one that may have died before they were durable.
TEST_F(WalFaultTest, MakesTheNamesDurableThatItFound) {
  const uint64_t last = FillSegments(*disk_, *storage_, 1, 3);
  ASSERT_OK(storage_->Prepare());  // A spare that must be made would make the names durable.
  for (uint64_t step = 0; step < 12; ++step) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const std::unique_ptr<SimulatedDisk> disk = disk_->Clone();
      ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk));
      disk->FailAfter(step);
      // Larger than what is left of the segment.
      storage->Append({SmallEntry(last + 1, 3300)}).IgnoreError();
      disk->Restart();
      ASSERT_OK_AND_ASSIGN(storage, OpenSmallNode(*disk));
      const uint64_t next = storage->recovered().entries.size() + 1;
      ASSERT_OK(storage->Append({SmallEntry(next)}));
      disk->Crash(SeededRandom(seed * 100 + step));
      ASSERT_OK_AND_ASSIGN(storage, OpenSmallNode(*disk));
      ASSERT_EQ(storage->damage(), "") << "step " << step << ", seed " << seed;
      ASSERT_EQ(storage->recovered().entries.size(), next) << "step " << step << ", seed " << seed;
    }
  }
}

TEST_F(WalFaultTest, TakesBytesThatAFailedSyncLostForTorn) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  disk_->FailNextSync();
  EXPECT_THAT(storage_->Append({SmallEntry(2)}), StatusIs(absl::StatusCode::kDataLoss));
  disk_->Restart();
  disk_->DropCaches();
  Open();
  EXPECT_EQ(entries(), 1);
}

TEST_F(WalFaultTest, KeepsRoomForVotesOnAFullDisk) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  disk_->SetCapacity(0);
  uint64_t last = 1;
  absl::Status status;
  while ((status = storage_->Append({SmallEntry(last + 1)})).ok()) ++last;
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(storage_->Prepare(), StatusIs(absl::StatusCode::kResourceExhausted));
  // A segment of 4 KiB has room for 33; a real one for 160,000.
  for (uint64_t term = 1; term <= 30; ++term) ASSERT_OK(storage_->Append({SmallVote(term, 1)}));
  EXPECT_THAT(storage_->Append({SmallVote(50, 2), SmallEntry(last + 1)}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Crash(3);
  EXPECT_EQ(entries(), last);
  EXPECT_EQ(storage_->recovered().hard_state.term, Term{30})
      << "of a refused write nothing is there";

  disk_->SetCapacity(UINT64_MAX);
  ASSERT_OK(storage_->Append({SmallEntry(last + 1)})) << "goes on when there is room";
}

TEST_F(WalFaultTest, GivesTheRoomOfAnUnfinishedSnapshotBackWhenTheDiskIsFull) {
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  ASSERT_OK_AND_ASSIGN(const uint64_t free, disk_->FreeBytes());
  disk_->SetCapacity(UINT64_MAX - free + 100'000);
  EXPECT_THAT(WriteSmallSnapshot(*storage_, 1, std::string(300'000, 's')),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(CountFiles(*disk_, "part-"), 0);
  EXPECT_THAT(storage_->NewestSnapshot(), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(storage_->Append({SmallEntry(2)})) << "the log is not concerned";
}

TEST_F(WalFaultTest, KeepsTheTwoNewestSnapshots) {
  ASSERT_OK(storage_->Append({SmallEntry(1), SmallEntry(2), SmallEntry(3)}));
  for (const uint64_t index : {1, 2, 3}) {
    ASSERT_OK(WriteSmallSnapshot(*storage_, index, "state"));
  }
  EXPECT_EQ(CountFiles(*disk_, "snapshot-"), 2);
  EXPECT_EQ(CountFiles(*disk_, "part-"), 0);
}

TEST_F(WalFaultTest, RefusesARecordThatFitsIntoNoSegment) {
  EXPECT_THAT(storage_->Append({SmallEntry(1, 4000)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not fit")));
  ASSERT_OK(storage_->Append({SmallEntry(1, 3000)}));
}

// A new segment is a spare that gets a header, is synced, renamed, and its name made durable; the
// machine may die after each of these steps, and each name may be lost.
TEST_F(WalFaultTest, SurvivesADeathInEachStepOfBeginningASegment) {
  uint64_t last = FillSegments(*disk_, *storage_, 1, 2);
  while (CountFiles(*disk_, "log-") == 2) {
    const std::unique_ptr<SimulatedDisk> before = disk_->Clone();
    ASSERT_OK(storage_->Append({SmallEntry(++last)}));
    if (CountFiles(*disk_, "log-") == 2) continue;
    for (uint64_t step = 0; step < 12; ++step) {
      for (uint64_t seed = 1; seed <= 20; ++seed) {
        const std::unique_ptr<SimulatedDisk> disk = before->Clone();
        ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk));
        disk->FailAfter(step);
        const bool acknowledged = storage->Append({SmallEntry(last)}).ok();
        storage.reset();
        disk->Crash(SeededRandom(seed * 100 + step));
        ASSERT_OK_AND_ASSIGN(storage, OpenSmallNode(*disk));
        ASSERT_EQ(storage->damage(), "") << "step " << step << ", seed " << seed;
        ASSERT_GE(storage->recovered().entries.size(), acknowledged ? last : last - 1);
        ASSERT_OK(storage->Append({SmallEntry(storage->recovered().entries.size() + 1)}));
      }
    }
  }
}

TEST_F(WalFaultTest, AppendsWithoutMakingFilesWhenSparesWerePrepared) {
  for (uint64_t i = 1; i <= 200; ++i) {
    ASSERT_OK(storage_->Prepare());
    const size_t spares = CountFiles(*disk_, "spare-");
    ASSERT_EQ(spares, 2);
    ASSERT_OK(storage_->Append({SmallEntry(i)}));
    ASSERT_GE(CountFiles(*disk_, "spare-"), 1);
  }
}

// Segments of this test are smaller than a slice; a real one takes 16 of them.
TEST_F(WalFaultTest, MakesSparesBetweenAppendsThatNeverPause) {
  for (uint64_t i = 1; i <= 200; ++i) {
    ASSERT_OK(storage_->Append({SmallEntry(i)}));
    ASSERT_OK(storage_->PrepareSome());
    ASSERT_EQ(CountFiles(*disk_, "spare-"), 2);
  }
}

TEST_F(WalFaultTest, LeavesAFullDiskAloneBetweenAppends) {
  const uint64_t last = FillSegments(*disk_, *storage_, 1, 2);
  disk_->SetCapacity(0);
  ASSERT_OK(storage_->PrepareSome());
  EXPECT_EQ(CountFiles(*disk_, "temporary-"), 0);
  ASSERT_OK(storage_->Append({SmallVote(30, 1)}));
  Crash(3);
  EXPECT_EQ(entries(), last);
}

TEST(WalIdentityTest, RefusesTheDirectoryOfAnotherNode) {
  const std::unique_ptr<SimulatedDisk> disk = MakeSmallNode();
  EXPECT_THAT(OpenStorage(*disk, {{12}, {1}, {33}}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("belongs to cluster 11, not to cluster 12")));
  EXPECT_THAT(OpenStorage(*disk, {{11}, {2}, {33}}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("belongs to node 1, not to node 2")));
  EXPECT_THAT(OpenStorage(*disk, {{11}, {1}, {34}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("incarnation")));
  ASSERT_OK_AND_ASSIGN(auto storage, OpenStorage(*disk, {{11}, {1}, {0}}));
  EXPECT_EQ(storage->identity(), kSmallIdentity);
}

TEST(WalIdentityTest, RefusesASegmentOfAnotherNode) {
  const std::unique_ptr<SimulatedDisk> disk = MakeSmallNode();
  SimulatedDisk other;
  ASSERT_OK(CreateStorage(other, {{11}, {1}, {34}}, OneVoter(), SmallSegments()));
  ASSERT_OK_AND_ASSIGN(auto file, disk->Open(SegmentName(1), /*create=*/false));
  ASSERT_OK(file->Write(0, other.Contents(SegmentName(1))));
  EXPECT_THAT(OpenSmallNode(*disk),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("incarnation 34")));
}

// R26: a node that lost its directory has forgotten its votes and cannot go on as if it had not.
TEST(WalIdentityTest, SaysHowToMakeADirectoryANodes) {
  SimulatedDisk disk;
  EXPECT_THAT(OpenStorage(disk, kSmallIdentity),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("CreateStorage")));
}

TEST(WalIdentityTest, MakesADirectoryANodesOnlyOnce) {
  const std::unique_ptr<SimulatedDisk> disk = MakeSmallNode();
  EXPECT_THAT(CreateStorage(*disk, kSmallIdentity, OneVoter(), SmallSegments()),
              StatusIs(absl::StatusCode::kAlreadyExists));
  {
    ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk));
    ASSERT_OK(storage->Append({SmallEntry(1)}));
  }
  ASSERT_OK(disk->Remove("identity"));
  EXPECT_THAT(CreateStorage(*disk, kSmallIdentity, OneVoter(), SmallSegments()),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("holds a node's promises")));
}

TEST(WalIdentityTest, RefusesIdentitiesAndOptionsThatCannotBe) {
  SimulatedDisk disk;
  EXPECT_THAT(CreateStorage(disk, {{0}, {1}, {1}}, OneVoter()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CreateStorage(disk, kSmallIdentity, OneVoter(), {.segment_bytes = 5000}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("segment_bytes is 5000")));
  EXPECT_THAT(CreateStorage(disk, kSmallIdentity, OneVoter(), {.spare_segments = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(WalIdentityTest, CanBeMadeAgainAfterTheDiskWasFull) {
  SimulatedDisk disk({.capacity_bytes = 6000, .on_sync = nullptr});
  EXPECT_THAT(CreateStorage(disk, kSmallIdentity, OneVoter(), SmallSegments()),
              StatusIs(absl::StatusCode::kResourceExhausted));
  disk.SetCapacity(UINT64_MAX);
  ASSERT_OK(CreateStorage(disk, kSmallIdentity, Config{}, SmallSegments()));
  ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(disk));
  EXPECT_EQ(storage->recovered().snapshot.config, Config()) << "of a node that will be added";
}

}  // namespace
}  // namespace z4j::consensus
