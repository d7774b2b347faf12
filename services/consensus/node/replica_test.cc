#include "services/consensus/node/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/node/testing/node_cluster.h"
#include "services/consensus/storage/memory_log_storage.h"

namespace z4j::consensus {
namespace {

// Node 3 of three, on its storage, without threads: what comes from the others is a call.
class ReplicaTest : public testing::Test {
 protected:
  ReplicaTest() {
    ReplicaOptions options;
    options.raft.cluster = storage_.identity().cluster;
    options.raft.id = storage_.identity().id;
    options.raft.incarnation = storage_.identity().incarnation;
    auto replica = Replica::Create(
        std::move(options), storage_.recovered(), [this] { return storage_.NewestSnapshot(); },
        now_);
    replica_ = *std::move(replica);
  }

  static SnapshotMeta MetaAt(uint64_t index, uint64_t term) {
    return {.index = {index},
            .term = {term},
            .config = NodeCluster::FirstConfig(3),
            .config_index = {}};
  }
  static std::string KeyAt(uint64_t index) { return absl::StrCat("written at ", index); }

  // Stores a snapshot of a machine that has the key of `index`.
  void Store(uint64_t index, uint64_t term) {
    CoordinationMachine machine;
    const auto answer = DecodeAnswer(
        machine.Apply({index}, EncodeCommand({{1}, Request(1, 1), PutKey(KeyAt(index), "value")})));
    ASSERT_OK(answer);
    ASSERT_EQ(answer->code, AnswerCode::kOk) << answer->detail;
    auto writer = storage_.WriteSnapshot(MetaAt(index, term), absl::StrCat("node ", term));
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->Append(machine.Save()));
    ASSERT_OK((*writer)->Commit());
  }

  // The leader of `term` says that its snapshot is stored here.
  void Install(uint64_t leader, uint64_t index, uint64_t snapshot_term, uint64_t term) {
    const NodeIdentity from = NodeCluster::Identity(static_cast<int>(leader));
    const InstallSnapshot install{MetaAt(index, snapshot_term), /*send_id=*/1};
    ASSERT_OK(replica_->Step(now_, {from.cluster, from.id, from.incarnation, storage_.identity().id,
                                    Term{term}, install}));
  }

  // Does what the replica wants, and returns what it then says.
  std::vector<Message> Settle() {
    std::vector<Message> said;
    for (Work work = replica_->TakeWork(now_);; work = replica_->TakeWork(now_)) {
      said.insert(said.end(), work.messages.begin(), work.messages.end());
      if (work.writes.empty()) return said;
      EXPECT_OK(storage_.Append(work.writes));
      replica_->Persisted(now_, work.writes.back().seq);
    }
  }

  MemoryLogStorage storage_{NodeCluster::Identity(3), NodeCluster::FirstConfig(3)};
  MonoTime now_{absl::Hours(1)};
  std::unique_ptr<Replica> replica_;
};

TEST_F(ReplicaTest, TakesTheStateOfTheSnapshotThatTheLeaderSent) {
  Store(190, 4);
  Install(/*leader=*/2, 190, 4, /*term=*/5);
  Settle();
  ASSERT_OK(replica_->failure());
  EXPECT_EQ(replica_->status().commit, Index{190});
  EXPECT_TRUE(replica_->machine().kv().Get(KeyAt(190)).has_value());
}

// The leader before had sent a newer one, and its word of it came too late for the term.
TEST_F(ReplicaTest, ANewerSnapshotThatIsStoredCountsInsteadOfTheOneTheLeaderSent) {
  Store(200, 4);
  Store(190, 3);
  Install(/*leader=*/2, 190, 3, /*term=*/5);
  const std::vector<Message> said = Settle();
  ASSERT_OK(replica_->failure());
  EXPECT_EQ(replica_->status().commit, Index{200});
  EXPECT_TRUE(replica_->machine().kv().Get(KeyAt(200)).has_value());
  ASSERT_FALSE(said.empty());
  const auto* reply = std::get_if<AppendReply>(&said.back().body);
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->match, Index{200}) << "so the leader goes on after it";
  EXPECT_EQ(storage_.Reopen()->recovered().snapshot.index, Index{200});
}

TEST_F(ReplicaTest, OfALateLeaderNeitherItsSnapshotNorANewerOneIsTaken) {
  Store(190, 3);
  Install(/*leader=*/2, 190, 3, /*term=*/5);
  Settle();
  Store(200, 5);
  Install(/*leader=*/1, 190, 3, /*term=*/4);
  Settle();
  ASSERT_OK(replica_->failure());
  EXPECT_EQ(replica_->status().commit, Index{190});
}

}  // namespace
}  // namespace z4j::consensus
