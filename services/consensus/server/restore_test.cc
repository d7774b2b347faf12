#include "services/consensus/server/restore.h"

#include <gmock/gmock.h>

#include "absl/synchronization/notification.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/server/testing/server_cluster.h"
#include "services/consensus/storage/backup.h"

namespace z4j::consensus {
namespace {

using testing::HasSubstr;
using testing::Optional;

constexpr NodeId kAll[] = {NodeId{1}, NodeId{2}, NodeId{3}};

// What a node knows now.
std::string BackupOf(ConsensusServer& server) {
  std::string backup;
  absl::Notification done;
  SystemClock clock;
  EXPECT_OK(server.node().Read(
      clock.MonoNow() + absl::Minutes(1), [&](const CallResult& result, const Replica& replica) {
        EXPECT_EQ(result.fate, Fate::kDone);
        const RaftStatus raft = replica.status();
        const SnapshotMeta meta = {raft.applied, raft.soft.term, raft.config, Index{1}};
        backup = EncodeBackup(server.identity(), meta, replica.machine().Save());
        done.Notify();
      }));
  done.WaitForNotification();
  return backup;
}

class RestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerCluster cluster(1);
    ASSERT_OK(cluster.Start(kAll[0]));
    cluster.Put("key", "value");
    lost_ = cluster.server(kAll[0]).identity().cluster;
    backup_ = BackupOf(cluster.server(kAll[0]));
  }
  static RestoreOptions Into(ServerCluster& cluster, NodeId id) {
    RestoreOptions options;
    options.id = id;
    options.data_dir = cluster.OptionsOf(id).data_dir;
    options.members = cluster.members();
    return options;
  }
  static Epoch EpochAt(ConsensusServer& server) {
    Epoch epoch;
    absl::Notification done;
    SystemClock clock;
    EXPECT_OK(server.node().Read(clock.MonoNow() + absl::Minutes(1),
                                 [&](const CallResult&, const Replica& replica) {
                                   epoch = replica.machine().epoch();
                                   done.Notify();
                                 }));
    done.WaitForNotification();
    return epoch;
  }

  ClusterId lost_;
  std::string backup_;
};

TEST_F(RestoreTest, NodesThatAreGivenTheSameBackupAreOneNewCluster) {
  ServerCluster cluster(3);
  for (NodeId id : kAll) ASSERT_OK(RestoreDataDirectory(Into(cluster, id), backup_));
  cluster.StartAll();
  cluster.Put("new", "value");
  for (NodeId id : kAll) {
    EXPECT_THAT(cluster.Get(id, "key"), Optional(std::string("value")));
    EXPECT_NE(cluster.server(id).identity().cluster, lost_);
  }
  EXPECT_EQ(EpochAt(cluster.server(kAll[0])), Epoch{2});
}

TEST_F(RestoreTest, ASecondRestoreOfTheSameBackupTakesAHigherEpoch) {
  ServerCluster cluster(1);
  RestoreOptions options = Into(cluster, kAll[0]);
  options.epoch = Epoch{1};
  EXPECT_THAT(RestoreDataDirectory(options, backup_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("epoch")));
  options.epoch = Epoch{3};
  ASSERT_OK_AND_ASSIGN(const Restored restored, RestoreDataDirectory(options, backup_));
  EXPECT_EQ(restored.epoch, Epoch{3});
  ASSERT_OK(cluster.Start(kAll[0]));
  EXPECT_EQ(EpochAt(cluster.server(kAll[0])), Epoch{3});
}

TEST_F(RestoreTest, AnotherBackupIsAnotherCluster) {
  ServerCluster cluster(2);
  RestoreOptions second = Into(cluster, kAll[1]);
  second.epoch = Epoch{3};
  ASSERT_OK_AND_ASSIGN(const Restored one, RestoreDataDirectory(Into(cluster, kAll[0]), backup_));
  ASSERT_OK_AND_ASSIGN(const Restored other, RestoreDataDirectory(second, backup_));
  EXPECT_NE(one.cluster, other.cluster);
}

TEST_F(RestoreTest, NothingIsOverwrittenAndNothingDamagedIsTaken) {
  ServerCluster cluster(1);
  const RestoreOptions options = Into(cluster, kAll[0]);
  EXPECT_THAT(RestoreDataDirectory(options, backup_.substr(0, backup_.size() - 1)),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK(RestoreDataDirectory(options, backup_));
  EXPECT_THAT(RestoreDataDirectory(options, backup_), StatusIs(absl::StatusCode::kAlreadyExists));
  RestoreOptions stranger = options;
  stranger.id = NodeId{7};
  EXPECT_THAT(RestoreDataDirectory(stranger, backup_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("members")));
}

}  // namespace
}  // namespace z4j::consensus
