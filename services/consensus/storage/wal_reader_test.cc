#include "services/consensus/storage/wal_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/testing/small_node.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WalReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(auto storage, OpenSmallNode(*disk_));
    Write cut = SmallEntry(2);
    cut.truncate_from = Index{2};
    ASSERT_OK(storage->Append({SmallVote(1, 1), SmallEntry(1), SmallEntry(2), cut}));
    ASSERT_OK(WriteSmallSnapshot(*storage, 1, "state"));
  }
  std::vector<std::string> Dump() {
    std::vector<std::string> lines;
    EXPECT_OK(DumpLog(*disk_, [&](const DumpedRecord& dumped) {
      lines.push_back(
          absl::StrCat(dumped.offset, dumped.stray ? " stray " : " ", RecordText(dumped.record)));
    }));
    return lines;
  }

  std::unique_ptr<SimulatedDisk> disk_ = MakeSmallNode();
};

TEST_F(WalReaderTest, DumpsEachRecordWithItsPlace) {
  EXPECT_THAT(Dump(), ElementsAre("512 term 0, vote 0, commit 0",              //
                                  "568 synced up to record 1",                 //
                                  "616 term 1, vote 1, commit 0",              //
                                  "672 entry 1, term 1, command, 100 bytes",   //
                                  "824 entry 2, term 1, command, 100 bytes",   //
                                  "976 entries from 2 on are void",            //
                                  "1024 entry 2, term 1, command, 100 bytes",  //
                                  "1176 synced up to record 7"));
}

TEST_F(WalReaderTest, DumpsWhatStandsBehindAWrongRecordAsStray) {
  disk_->Flip(SegmentName(1), 700, 1);
  EXPECT_THAT(Dump(), ElementsAre("512 term 0, vote 0, commit 0",                    //
                                  "568 synced up to record 1",                       //
                                  "616 term 1, vote 1, commit 0",                    //
                                  "824 stray entry 2, term 1, command, 100 bytes",   //
                                  "976 stray entries from 2 on are void",            //
                                  "1024 stray entry 2, term 1, command, 100 bytes",  //
                                  "1176 stray synced up to record 7"));
}

TEST_F(WalReaderTest, VerifiesAWholeDirectoryWithoutWriting) {
  const uint64_t writes = disk_->counts().writes;
  ASSERT_OK_AND_ASSIGN(const StorageVerdict verdict, VerifyStorage(*disk_));
  EXPECT_EQ(verdict.identity, kSmallIdentity);
  EXPECT_EQ(verdict.damage, "");
  ASSERT_EQ(verdict.files.size(), 2);
  EXPECT_EQ(verdict.files[0].text, "whole, 8 records up to 8");
  EXPECT_EQ(verdict.files[1].text, "whole, state after entry 1 of term 1, 5 bytes");
  EXPECT_EQ(disk_->counts().writes, writes);
}

TEST_F(WalReaderTest, NamesWhatIsWrong) {
  disk_->Flip(SegmentName(1), 700, 1);
  disk_->Flip("snapshot-0000000000000001-0000000000000001", 520, 1);
  ASSERT_OK_AND_ASSIGN(const StorageVerdict verdict, VerifyStorage(*disk_));
  EXPECT_THAT(verdict.damage, HasSubstr("log-0000000000000001 at 672"));
  EXPECT_TRUE(verdict.files[0].wrong);
  EXPECT_THAT(verdict.files[0].text, HasSubstr("at 672 a record is missing"));
  EXPECT_TRUE(verdict.files[1].wrong);
  EXPECT_THAT(verdict.files[1].text, HasSubstr("chunk 0 is wrong"));
}

}  // namespace
}  // namespace z4j::consensus
