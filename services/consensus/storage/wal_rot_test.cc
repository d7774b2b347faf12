// What had been synced and is wrong now: every wrong byte is seen, and nothing is written then.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/segment.h"
#include "services/consensus/storage/testing/random.h"
#include "services/consensus/storage/testing/small_node.h"

namespace z4j::consensus {
namespace {

using testing::HasSubstr;

enum class Verdict { kRefused, kDamaged, kWhole, kLost };

// Opens a copy of `disk` on which `spoil` was done.
template <typename Spoil>
Verdict Open(const SimulatedDisk& disk, uint64_t last_index, Spoil spoil) {
  const std::unique_ptr<SimulatedDisk> copy = disk.Clone();
  spoil(*copy);
  const absl::StatusOr<std::unique_ptr<LogStorage>> opened = OpenSmallNode(*copy);
  if (!opened.ok()) return absl::IsDataLoss(opened.status()) ? Verdict::kRefused : Verdict::kLost;
  LogStorage& storage = **opened;
  if (storage.recovered().damaged) {
    EXPECT_NE(storage.damage(), "");
    EXPECT_THAT(storage.Append({SmallEntry(last_index + 1)}),
                StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(storage.Compact(Index{2}), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(storage.Prepare(), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_EQ(copy->counts().writes, 0) << "the files are kept as they are";
    return Verdict::kDamaged;
  }
  const Recovered& recovered = storage.recovered();
  uint64_t next = recovered.entries.empty() ? 0 : recovered.entries.front().index.value;
  for (const Entry& entry : recovered.entries) {
    if (*entry.data != *SmallEntry(next++).entries[0].data) return Verdict::kLost;
  }
  return next == last_index + 1 ? Verdict::kWhole : Verdict::kLost;
}

Verdict Flip(const SimulatedDisk& disk, uint64_t last_index, const std::string& file,
             uint64_t offset) {
  return Open(disk, last_index, [&](SimulatedDisk& copy) {
    copy.Flip(file, offset, static_cast<uint8_t>(1 << (offset % 8)));
  });
}

class WalRotTest : public testing::Test {
 protected:
  // Three segments, and all that can be said of them durable.
  void Fill(bool compact) {
    ASSERT_OK_AND_ASSIGN(storage_, OpenSmallNode(*disk_));
    last_ = FillSegments(*disk_, *storage_, 1, compact ? 4 : 3);
    for (int i = 0; i < 5; ++i) ASSERT_OK(storage_->Append({SmallEntry(++last_)}));
    if (compact) {
      ASSERT_OK(WriteSmallSnapshot(*storage_, 30, std::string(3000, 's')));
      ASSERT_OK(storage_->Compact(Index{30}));
    }
    ASSERT_OK(storage_->Prepare());
  }

  std::unique_ptr<SimulatedDisk> disk_ = MakeSmallNode();
  std::unique_ptr<LogStorage> storage_;
  uint64_t last_ = 0;
};

TEST_F(WalRotTest, SeesEveryWrongByteOfTheSyncedLog) {
  Fill(/*compact=*/false);
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const std::string name = SegmentName(sequence);
    const std::string bytes = disk_->Contents(name);
    ASSERT_OK_AND_ASSIGN(const SegmentScan scan, ScanSegment(bytes));
    // For the very last record, a SYNCED, nothing vouches; it is also of no use any more.
    const uint64_t end = sequence < 3 ? scan.end : scan.records.back().offset;
    for (uint64_t offset = 0; offset < bytes.size(); ++offset) {
      const Verdict verdict = Flip(*disk_, last_, name, offset);
      ASSERT_EQ(verdict, offset < end ? Verdict::kDamaged : Verdict::kWhole)
          << name << " at " << offset << " of " << end;
    }
  }
}

TEST_F(WalRotTest, SeesEveryWrongByteOfASnapshotThatTheLogNeeds) {
  Fill(/*compact=*/true);
  ASSERT_EQ(CountFiles(*disk_, "log-"), 3);
  const std::string name = "snapshot-000000000000001e-0000000000000001";
  const size_t size = disk_->Contents(name).size();
  ASSERT_GT(size, 3000);
  for (uint64_t offset = 0; offset < size; ++offset) {
    ASSERT_EQ(Flip(*disk_, last_, name, offset), Verdict::kDamaged) << offset;
  }
}

TEST_F(WalRotTest, RefusesAWrongIdentityAndIgnoresAWrongSpare) {
  Fill(/*compact=*/false);
  for (uint64_t offset = 0; offset < disk_->Contents("identity").size(); ++offset) {
    ASSERT_EQ(Flip(*disk_, last_, "identity", offset), Verdict::kRefused) << offset;
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, disk_->List());
  ASSERT_THAT(names.back(), HasSubstr("spare-"));
  for (uint64_t offset = 0; offset < 4096; offset += 7) {
    ASSERT_EQ(Flip(*disk_, last_, names.back(), offset), Verdict::kWhole) << offset;
  }
}

TEST_F(WalRotTest, SeesFilesThatAreCutOffOrGone) {
  Fill(/*compact=*/true);
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, disk_->List());
  for (const std::string& name : names) {
    if (name.starts_with("spare-")) continue;
    const Verdict wrong = name == "identity" ? Verdict::kRefused : Verdict::kDamaged;
    const uint64_t size = disk_->Contents(name).size();
    for (const uint64_t left : {uint64_t{0}, size / 2, size - 1}) {
      EXPECT_EQ(Open(*disk_, last_,
                     [&](SimulatedDisk& copy) {
                       EXPECT_OK((*copy.Open(name, /*create=*/false))->Truncate(left));
                     }),
                wrong)
          << name << " cut to " << left;
    }
    if (name == "identity") continue;
    // The oldest segment's loss leaves a gap to the snapshot, the newest's is told by CLOSED.
    EXPECT_EQ(Open(*disk_, last_, [&](SimulatedDisk& copy) { EXPECT_OK(copy.Remove(name)); }),
              Verdict::kDamaged)
        << name << " gone";
  }
}

// Much rot at once may hide its own traces; what is read is right all the same.
TEST_F(WalRotTest, ReadsNothingWrongWhateverRots) {
  Fill(/*compact=*/false);
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, disk_->List());
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SeededRandom random(seed);
    const std::unique_ptr<SimulatedDisk> copy = disk_->Clone();
    for (uint64_t places = 1 + random.Below(3); places > 0; --places) {
      const std::string& name = names[random.Below(names.size())];
      const uint64_t size = copy->Contents(name).size();
      const uint64_t from = random.Below(size);
      copy->Rot(name, from, std::min(size, from + 64), static_cast<int>(random.Below(64)), random);
    }
    const absl::StatusOr<std::unique_ptr<LogStorage>> opened = OpenSmallNode(*copy);
    if (!opened.ok()) continue;
    uint64_t next = 1;
    for (const Entry& entry : (*opened)->recovered().entries) {
      ASSERT_EQ(*entry.data, *SmallEntry(next++).entries[0].data) << "seed " << seed;
    }
  }
}

TEST_F(WalRotTest, NamesThePlace) {
  Fill(/*compact=*/false);
  disk_->Flip(SegmentName(2), 700, 1);
  ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk_));
  EXPECT_THAT(storage->damage(), HasSubstr("log-0000000000000002 at "));
  EXPECT_LT(storage->recovered().entries.size(), last_) << "what stands before it can be read";
  EXPECT_GT(storage->recovered().entries.size(), 0);
}

// An older snapshot and a log that reaches past the bad one lose nothing.
TEST_F(WalRotTest, DoesWithoutABadSnapshotIfAnOlderOneAndTheLogReachAsFar) {
  Fill(/*compact=*/false);
  ASSERT_OK(WriteSmallSnapshot(*storage_, 5, "five"));
  ASSERT_OK(WriteSmallSnapshot(*storage_, 40, "forty"));
  disk_->Flip("snapshot-0000000000000028-0000000000000001", 530, 1);
  ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk_));
  EXPECT_EQ(storage->damage(), "");
  EXPECT_EQ(storage->recovered().snapshot.index, Index{5});
  EXPECT_EQ(storage->recovered().entries.back().index, Index{last_});
  EXPECT_EQ(CountFiles(*disk_, "bad-snapshot-"), 1) << "kept, to be looked at";
}

TEST_F(WalRotTest, IsDamagedIfABadSnapshotReachedFurtherThanTheLog) {
  Fill(/*compact=*/false);
  ASSERT_OK(WriteSmallSnapshot(*storage_, 5, "five"));
  ASSERT_OK(WriteSmallSnapshot(*storage_, last_ + 10, "received"));
  disk_->Flip(
      absl::StrCat("snapshot-", absl::Hex(last_ + 10, absl::kZeroPad16), "-0000000000000001"), 530,
      1);
  ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk_));
  EXPECT_THAT(storage->damage(), HasSubstr("is needed and wrong"));
}

// The limit that docs/formats.md states: until its SYNCED reaches the disk, the last append cannot
// be told from a torn one.
TEST_F(WalRotTest, TakesTheLastAppendForTornOnlyWhileItsMarkIsNotOnTheDisk) {
  ASSERT_OK_AND_ASSIGN(storage_, OpenSmallNode(*disk_));
  ASSERT_OK(storage_->Append({SmallEntry(1)}));
  ASSERT_OK(storage_->Append({SmallEntry(2)}));
  const std::string name = SegmentName(1);
  const std::string bytes = disk_->Contents(name);
  ASSERT_OK_AND_ASSIGN(const SegmentScan scan, ScanSegment(bytes));
  ASSERT_EQ(scan.records.back().parsed.record.type, RecordType::kSynced);
  const uint64_t mark = scan.records.back().offset;
  EXPECT_EQ(Flip(*disk_, 2, name, mark - 1), Verdict::kDamaged);
  EXPECT_EQ(Open(*disk_, 2,
                 [&](SimulatedDisk& copy) {
                   for (size_t i = 0; i < kRecordHeaderBytes; ++i) {
                     copy.Flip(name, mark + i, static_cast<uint8_t>(bytes[mark + i]));
                   }
                   copy.Flip(name, mark - 1, 1);
                 }),
            Verdict::kLost);
}

}  // namespace
}  // namespace z4j::consensus
