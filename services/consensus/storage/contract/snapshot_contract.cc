#include "services/consensus/limits.h"
#include "services/consensus/storage/contract/log_storage_contract.h"

namespace z4j::consensus {
namespace {

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

}  // namespace

void LogStorageContract::WriteSnapshot(const SnapshotMeta& meta, const std::string& bytes) {
  ASSERT_OK_AND_ASSIGN(auto writer, storage_->WriteSnapshot(meta, ""));
  ASSERT_OK(writer->Append(bytes));
  ASSERT_OK(writer->Commit());
}

TEST_P(LogStorageContract, GivesBackAnyPartOfASnapshot) {
  const std::string bytes = Pattern(2 * kSnapshotChunkBytes + 1000);
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b", "c"})}));
  WriteSnapshot(Meta(2, 1), bytes);
  Reopen();
  EXPECT_EQ(recovered().snapshot, Meta(2, 1));
  EXPECT_EQ(Entries(), "3:c");
  ASSERT_OK_AND_ASSIGN(auto reader, storage_->NewestSnapshot());
  EXPECT_EQ(reader->meta(), Meta(2, 1));
  EXPECT_EQ(reader->size(), bytes.size());
  for (const size_t from : {size_t{0}, kSnapshotChunkBytes - 1, 2 * kSnapshotChunkBytes + 999}) {
    for (const size_t size : {size_t{1}, size_t{2}, kSnapshotChunkBytes + 5, bytes.size()}) {
      ASSERT_OK_AND_ASSIGN(const std::string part, reader->Read(from, size));
      EXPECT_TRUE(part == bytes.substr(from, size)) << from << " " << size;
    }
  }
  ASSERT_OK_AND_ASSIGN(const std::string behind, reader->Read(bytes.size(), 1));
  EXPECT_EQ(behind, "");
}

TEST_P(LogStorageContract, ShowsNoSnapshotBeforeItIsCommitted) {
  ASSERT_OK_AND_ASSIGN(auto writer, storage_->WriteSnapshot(Meta(9, 1), "self"));
  ASSERT_OK(writer->Append(Pattern(kSnapshotChunkBytes)));
  EXPECT_THAT(storage_->NewestSnapshot(), StatusIs(absl::StatusCode::kNotFound));
  writer.reset();
  Reopen();
  EXPECT_THAT(storage_->NewestSnapshot(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(recovered().snapshot.index, Index{0});
}

TEST_P(LogStorageContract, KeepsTheNewestSnapshot) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b", "c", "d"})}));
  WriteSnapshot(Meta(2, 1), "two");
  WriteSnapshot(Meta(4, 1), "four");
  WriteSnapshot(Meta(3, 1), "three");
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto reader, storage_->NewestSnapshot());
    EXPECT_EQ(reader->meta(), Meta(4, 1));
    ASSERT_OK_AND_ASSIGN(const std::string bytes, reader->Read(0, 100));
    EXPECT_EQ(bytes, "four");
    reader.reset();
    Reopen();
  }
}

// R27: a transfer that a restart broke off goes on, and never passes for a whole snapshot.
TEST_P(LogStorageContract, GoesOnWithATransferThatWasBrokenOff) {
  const std::string bytes = Pattern(3 * kSnapshotChunkBytes + 77);
  {
    ASSERT_OK_AND_ASSIGN(auto writer, storage_->WriteSnapshot(Meta(9, 1), "node 3"));
    EXPECT_EQ(writer->size(), 0);
    ASSERT_OK(writer->Append(bytes.substr(0, 2 * kSnapshotChunkBytes)));
    EXPECT_EQ(writer->size(), 2 * kSnapshotChunkBytes);
    EXPECT_THAT(storage_->WriteSnapshot(Meta(9, 1), "node 3"),
                StatusIs(absl::StatusCode::kAborted));
  }
  Reopen();
  {
    ASSERT_OK_AND_ASSIGN(auto stranger, storage_->WriteSnapshot(Meta(9, 1), "node 2"));
    EXPECT_EQ(stranger->size(), 0) << "another sender's bytes may differ";
  }
  ASSERT_OK_AND_ASSIGN(auto writer, storage_->WriteSnapshot(Meta(9, 1), "node 3"));
  EXPECT_EQ(writer->size(), 2 * kSnapshotChunkBytes);
  ASSERT_OK(writer->Append(bytes.substr(writer->size())));
  ASSERT_OK(writer->Commit());
  EXPECT_THAT(writer->Append("more"), StatusIs(absl::StatusCode::kFailedPrecondition));
  writer.reset();
  Reopen();
  ASSERT_OK_AND_ASSIGN(auto reader, storage_->NewestSnapshot());
  ASSERT_OK_AND_ASSIGN(const std::string all, reader->Read(0, bytes.size() + 1));
  EXPECT_TRUE(all == bytes);
}

TEST_P(LogStorageContract, BeginsASnapshotOfItsOwnAlwaysFromTheFront) {
  {
    ASSERT_OK_AND_ASSIGN(auto writer, storage_->WriteSnapshot(Meta(9, 1), ""));
    ASSERT_OK(writer->Append(Pattern(2 * kSnapshotChunkBytes)));
  }
  Reopen();
  ASSERT_OK_AND_ASSIGN(auto writer, storage_->WriteSnapshot(Meta(9, 1), ""));
  EXPECT_EQ(writer->size(), 0);
}

TEST_P(LogStorageContract, BeginsTheLogAnewAtAReceivedSnapshot) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b", "c"})}));
  WriteSnapshot(Meta(20, 2), "state");
  Write install = Entries(2, 21, {"u"});
  install.hard_state = HardState{{2}, {0}, {20}};
  install.snapshot = Meta(20, 2);
  ASSERT_OK(storage_->Append({install}));
  Reopen();
  EXPECT_EQ(recovered().snapshot, Meta(20, 2));
  EXPECT_EQ(Entries(), "21:u");
  EXPECT_EQ(recovered().hard_state.commit, Index{20});
  ASSERT_OK(storage_->Append({Entries(2, 22, {"v"})}));
  Reopen();
  EXPECT_EQ(Entries(), "21:u 22:v");
}

TEST_P(LogStorageContract, RefusesToBeginAtASnapshotThatIsNotThere) {
  Write install;
  install.must_sync = true;
  install.snapshot = Meta(20, 2);
  EXPECT_THAT(storage_->Append({install}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// R22: the machine died after a received snapshot was whole and before the log was told.
TEST_P(LogStorageContract, StartsWithALogThatIsShorterThanTheSnapshot) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b"}), Vote(1, 3, 2)}));
  WriteSnapshot(Meta(20, 4), "state");
  Reopen();
  EXPECT_FALSE(recovered().damaged) << storage_->damage();
  EXPECT_EQ(recovered().snapshot.index, Index{20});
  EXPECT_EQ(Entries(), "");
  EXPECT_EQ(recovered().hard_state, (HardState{{4}, {0}, {20}}));
  ASSERT_OK(storage_->Append({Entries(4, 21, {"u"})}));
  Reopen();
  EXPECT_EQ(Entries(), "21:u");
}

// The same, the log having gone another way: its end is another leader's.
TEST_P(LogStorageContract, DropsAnEndThatContradictsTheSnapshot) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b", "c", "d"})}));
  WriteSnapshot(Meta(3, 2), "state");
  Reopen();
  EXPECT_EQ(Entries(), "");
  ASSERT_OK(storage_->Append({Entries(2, 4, {"D"})}));
  Reopen();
  EXPECT_EQ(Entries(), "4:D");
}

TEST_P(LogStorageContract, ForgetsOnlyWhatASnapshotStandsFor) {
  std::vector<std::string> texts(400, std::string(100, 'z'));
  ASSERT_OK(storage_->Append({Vote(7, 2, 0), Entries(7, 1, texts)}));
  EXPECT_THAT(storage_->Compact(Index{100}), StatusIs(absl::StatusCode::kFailedPrecondition));
  WriteSnapshot(Meta(300, 7), "state");
  EXPECT_THAT(storage_->Compact(Index{302}), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(storage_->Compact(Index{200}));
  ASSERT_OK(storage_->Compact(Index{100})) << "already done";
  Reopen();
  EXPECT_FALSE(recovered().damaged) << storage_->damage();
  EXPECT_EQ(recovered().hard_state.vote, NodeId{2}) << "not lost with the old entries";
  ASSERT_FALSE(recovered().entries.empty());
  EXPECT_LE(recovered().entries.front().index, Index{200});
  EXPECT_EQ(recovered().entries.back().index, Index{400});
  Write cut;
  cut.truncate_from = Index{1};
  ASSERT_OK(storage_->Compact(Index{301}));
  EXPECT_THAT(storage_->Append({cut}), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace z4j::consensus
