#include "absl/strings/str_cat.h"
#include "services/consensus/storage/contract/log_storage_contract.h"

namespace z4j::consensus {

void LogStorageContract::SetUp() {
  home_ = GetParam().make(Identity(), ThreeVoters());
  ASSERT_NE(home_, nullptr);
  Reopen();
}

Config LogStorageContract::ThreeVoters() {
  Config config;
  for (const uint64_t id : {1, 2, 3}) {
    config.voters.insert(NodeId{id});
    config.members[NodeId{id}] = {.address = absl::StrCat("node-", id, ":7401"),
                                  .incarnation = {id * 100}};
  }
  return config;
}

SnapshotMeta LogStorageContract::Meta(uint64_t index, uint64_t term) {
  SnapshotMeta meta;
  meta.index.value = index;
  meta.term.value = term;
  meta.config = ThreeVoters();
  meta.config.learners.insert(NodeId{4});
  meta.config.members[NodeId{4}] = {.address = "node-4:7401", .incarnation = {400}};
  meta.config_index.value = index - 1;
  return meta;
}

Write LogStorageContract::Entries(uint64_t term, uint64_t from,
                                  const std::vector<std::string>& texts) {
  Write write;
  write.must_sync = true;
  for (const std::string& text : texts) {
    write.entries.push_back({.term = {term},
                             .index = {from++},
                             .kind = EntryKind::kCommand,
                             .data = MakePayload(text)});
  }
  return write;
}

Write LogStorageContract::Vote(uint64_t term, uint64_t vote, uint64_t commit) {
  Write write;
  write.must_sync = true;
  write.hard_state = HardState{{term}, {vote}, {commit}};
  return write;
}

std::string LogStorageContract::Entries() const {
  std::string text;
  for (const Entry& entry : recovered().entries) {
    if (entry.index <= recovered().snapshot.index) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", entry.index.value, ":", *entry.data);
  }
  return text;
}

TEST_P(LogStorageContract, BeginsWithTheFirstConfigurationAndNothingElse) {
  EXPECT_EQ(storage_->identity(), Identity());
  EXPECT_EQ(recovered().hard_state, HardState());
  EXPECT_EQ(recovered().snapshot.index, Index{0});
  EXPECT_EQ(recovered().snapshot.config, ThreeVoters());
  EXPECT_TRUE(recovered().entries.empty());
  EXPECT_FALSE(recovered().damaged);
  EXPECT_EQ(storage_->damage(), "");
  EXPECT_THAT(storage_->NewestSnapshot(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(LogStorageContract, GivesBackTheEntriesOfEachKind) {
  Write write = Entries(3, 1, {"no-op", "", std::string(5000, 'x')});
  write.entries[0].kind = EntryKind::kNoOp;
  write.entries[2].kind = EntryKind::kConfig;
  write.hard_state = HardState{{3}, {2}, {2}};
  ASSERT_OK(storage_->Append({write}));
  Reopen();
  ASSERT_EQ(recovered().entries.size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(recovered().entries[i].index, write.entries[i].index);
    EXPECT_EQ(recovered().entries[i].term, Term{3});
    EXPECT_EQ(recovered().entries[i].kind, write.entries[i].kind);
    EXPECT_EQ(*recovered().entries[i].data, *write.entries[i].data);
  }
  EXPECT_EQ(recovered().hard_state, (HardState{{3}, {2}, {2}}));
}

TEST_P(LogStorageContract, GoesOnAfterEachReopening) {
  for (uint64_t i = 1; i <= 5; ++i) {
    ASSERT_OK(storage_->Append({Vote(i, 1, 0), Entries(i, i, {absl::StrCat("e", i)})}));
    ASSERT_OK(storage_->Prepare());
    Reopen();
  }
  EXPECT_EQ(Entries(), "1:e1 2:e2 3:e3 4:e4 5:e5");
  EXPECT_EQ(recovered().hard_state.term, Term{5});
}

// Term and vote are one promise: never the new one's term with the old one's vote (R20).
TEST_P(LogStorageContract, KeepsTermAndVoteTogether) {
  ASSERT_OK(storage_->Append({Vote(4, 3, 0)}));
  ASSERT_OK(storage_->Append({Vote(5, 0, 0), Vote(6, 1, 0)}));
  Reopen();
  EXPECT_EQ(recovered().hard_state, (HardState{{6}, {1}, {0}}));
}

// R21 and R25: what was cut off does not come back, and the end is where the cut was.
TEST_P(LogStorageContract, TruncatesBeforeItAppends) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b", "c", "d"})}));
  Write write = Entries(2, 3, {"C"});
  write.truncate_from = Index{3};
  ASSERT_OK(storage_->Append({write}));
  Reopen();
  EXPECT_EQ(Entries(), "1:a 2:b 3:C");
  EXPECT_EQ(recovered().entries[2].term, Term{2});

  Write cut;
  cut.must_sync = true;
  cut.truncate_from = Index{1};
  ASSERT_OK(storage_->Append({cut}));
  Reopen();
  EXPECT_EQ(Entries(), "");
  ASSERT_OK(storage_->Append({Entries(3, 1, {"n"})}));
  Reopen();
  EXPECT_EQ(Entries(), "1:n");
}

TEST_P(LogStorageContract, RefusesWhatDoesNotFollowAndChangesNothing) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b"})}));
  EXPECT_THAT(storage_->Append({Entries(1, 4, {"d"})}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(storage_->Append({Entries(1, 2, {"b"})}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Write hole;
  hole.truncate_from = Index{5};
  EXPECT_THAT(storage_->Append({Entries(1, 3, {"c"}), hole}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(storage_->Append({Entries(1, 3, {"C"})}));
  Reopen();
  EXPECT_EQ(Entries(), "1:a 2:b 3:C");
}

TEST_P(LogStorageContract, GivesNoCommitHintAboveTheLastEntry) {
  ASSERT_OK(storage_->Append({Entries(1, 1, {"a", "b"}), Vote(1, 1, 2)}));
  Write cut;
  cut.must_sync = true;
  cut.truncate_from = Index{2};
  ASSERT_OK(storage_->Append({cut}));
  Reopen();
  EXPECT_EQ(recovered().hard_state.commit, Index{1});
}

TEST_P(LogStorageContract, HoldsManyEntriesOfManyAppends) {
  std::vector<std::string> texts;
  uint64_t next = 1;
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::string> batch(50, std::string(static_cast<size_t>(round) * 9, 'y'));
    ASSERT_OK(storage_->Append({Entries(1, next, batch), Vote(1, 1, next)}));
    next += batch.size();
  }
  Reopen();
  ASSERT_EQ(recovered().entries.size(), next - 1);
  EXPECT_EQ(recovered().entries.back().data->size(), 19 * 9);
  EXPECT_GT(storage_->bytes_used(), 0);
}

}  // namespace z4j::consensus
