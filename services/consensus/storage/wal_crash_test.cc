// The log against a naive model, through random writes, crashes, tears and lost names.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/testing/random.h"
#include "services/consensus/storage/testing/simulated_disk.h"
#include "services/consensus/storage/testing/small_node.h"
#include "services/consensus/storage/testing/storage_model.h"
#include "services/consensus/storage/wal_storage.h"

namespace z4j::consensus {
namespace {

const SnapshotMeta kNoSnapshot;

// One node's life on one disk.  Every step may be the one in which the machine dies.
class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), model_(OneVoter()) {}

  void Run() {
    if (random_.OneIn(4)) disk_.FailAfter(random_.Below(60));
    absl::Status created;
    while (!(created = CreateStorage(disk_, kSmallIdentity, OneVoter(), SmallSegments())).ok() &&
           !absl::IsAlreadyExists(created)) {
      Crash();
    }
    Open();
    for (int crash = 0; crash < 5 && !testing::Test::HasFailure(); ++crash) {
      if (!random_.OneIn(6)) disk_.FailAfter(random_.Below(120));
      for (uint64_t steps = random_.Below(40); steps > 0 && Step(); --steps) {
      }
      storage_.reset();
      if (random_.OneIn(5)) {
        disk_.Restart();
      } else {
        Crash();
      }
      Open();
    }
  }

 private:
  void Crash() {
    disk_.Crash([this] { return random_(); });
    if (random_.OneIn(3)) disk_.FailAfter(random_.Below(40));
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<LogStorage>> opened;
    while (!(opened = OpenSmallNode(disk_)).ok()) {
      // Only a machine that dies while it opens may refuse.
      ASSERT_THAT(std::string(opened.status().message()), testing::HasSubstr("about to die"));
      Crash();
    }
    storage_ = *std::move(opened);
    ASSERT_EQ(storage_->damage(), "") << "torn was called rot";
    ASSERT_EQ(model_.Accept(storage_->recovered()), "");
  }

  // False: the machine is dead.
  bool Step() {
    switch (random_.Below(13)) {
      case 0:
        return TakeSnapshot();
      case 1:
        return ReceiveSnapshot();
      case 2: {
        const absl::Status status = storage_->Prepare();
        if (status.ok()) model_.Durable();
        return status.ok();
      }
      case 3:
        return storage_->PrepareSome().ok();
      default:
        return AppendSome();
    }
  }

  bool AppendSome() {
    std::vector<Write> writes(1 + random_.Below(3));
    bool sync = false;
    for (Write& write : writes) {
      FillWrite(write);
      sync = sync || write.must_sync;
      model_.Begin(write);
    }
    const absl::Status status = storage_->Append(writes);
    if (status.ok() && sync) model_.Durable();
    return status.ok();
  }

  void FillWrite(Write& write) {
    const ModelLog& log = model_.now();
    HardState hard_state = log.hard_state;
    const uint64_t last = log.last();
    if (random_.OneIn(5)) {  // Only a hint.
      hard_state.commit.value += random_.Below(last - hard_state.commit.value + 1);
      write.hard_state = hard_state;
      return;
    }
    write.must_sync = true;
    if (random_.OneIn(3)) {
      ++hard_state.term.value;
      hard_state.vote.value = random_.Below(4);
    }
    uint64_t next = last + 1;
    if (last > hard_state.commit.value && random_.OneIn(4)) {
      next = hard_state.commit.value + 1 + random_.Below(last - hard_state.commit.value);
      write.truncate_from = Index{next};
    }
    const uint64_t count = random_.OneIn(20) ? random_.Below(60) : random_.Below(4);
    for (uint64_t i = 0; i < count; ++i) {
      std::string data(random_.Below(random_.OneIn(8) ? 1500 : 60),
                       static_cast<char>(random_.Below(256)));
      write.entries.push_back({.term = hard_state.term,
                               .index = {next + i},
                               .kind = EntryKind::kCommand,
                               .data = MakePayload(std::move(data))});
    }
    hard_state.commit.value =
        std::min(hard_state.commit.value + random_.Below(3), next + count - 1);
    if (!(hard_state == log.hard_state)) write.hard_state = hard_state;
  }

  bool WriteSnapshot(const SnapshotMeta& meta) {
    model_.BeginSnapshot(meta);
    auto writer = storage_->WriteSnapshot(meta, "");
    if (!writer.ok()) return false;
    if (!(*writer)->Append(std::string(random_.Below(3000), 's')).ok()) return false;
    if (!(*writer)->Commit().ok()) return false;
    model_.SnapshotDurable();
    return true;
  }

  // Of the node's own state, then the log may begin later.
  bool TakeSnapshot() {
    const ModelLog& log = model_.now();
    const uint64_t before = model_.snapshot().value_or(kNoSnapshot).index.value;
    const auto entry = log.entries.find(log.hard_state.commit.value);
    if (entry == log.entries.end() || entry->first <= before) return true;
    SnapshotMeta meta;
    meta.index = entry->second.index;
    meta.term = entry->second.term;
    meta.config = OneVoter();
    // What was applied is on the disk: Raft commits nothing else here.
    Write sync;
    sync.must_sync = true;
    if (!storage_->Append({sync}).ok()) return false;
    model_.Durable();
    if (!WriteSnapshot(meta)) return false;
    const uint64_t keep = 1 + random_.Below(meta.index.value + 1);
    return storage_->Compact(Index{keep}).ok();
  }

  // From a leader: beyond the log, or in the place of an end that went another way.
  bool ReceiveSnapshot() {
    const ModelLog& log = model_.now();
    SnapshotMeta meta;
    meta.index.value = log.hard_state.commit.value + 1 + random_.Below(20);
    meta.term.value = log.hard_state.term.value + 1;
    meta.config = OneVoter();
    if (!WriteSnapshot(meta)) return false;
    Write write;
    write.must_sync = true;
    write.snapshot = meta;
    write.hard_state = HardState{meta.term, NodeId(), meta.index};
    model_.Begin(write);
    if (!storage_->Append({write}).ok()) return false;
    model_.Durable();
    return true;
  }

  SeededRandom random_;
  SimulatedDisk disk_;
  StorageModel model_;
  std::unique_ptr<LogStorage> storage_;
};

// What was acknowledged is there after any crash, and a crash is never taken for rot.
TEST(WalCrashTest, LosesNothingAcknowledgedAndNeverTakesATearForRot) {
  // Z4J_SEED=n repeats one life; Z4J_LIVES=n lives more than the usual number.
  const char* chosen = std::getenv("Z4J_SEED");
  const char* lives = std::getenv("Z4J_LIVES");
  const uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const uint64_t count = chosen != nullptr  ? 1
                         : lives != nullptr ? std::strtoull(lives, nullptr, 10)
                                            : 2500;
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "Z4J_SEED=" << seed);
    Life(seed).Run();
  }
}

}  // namespace
}  // namespace z4j::consensus
