#include "services/consensus/node/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/node/testing/faulty_storage.h"
#include "services/consensus/node/testing/node_cluster.h"
#include "services/consensus/storage/memory_log_storage.h"

namespace z4j::consensus {
namespace {

// Far more than a loaded machine takes for a heartbeat, and short enough to wait for an election.
constexpr absl::Duration kElectionTimeout = absl::Milliseconds(400);
constexpr int kThreads = 8;

std::unique_ptr<LogStorage> Memory(int number, int size = 3) {
  return std::make_unique<MemoryLogStorage>(NodeCluster::Identity(number),
                                            NodeCluster::FirstConfig(size));
}

void StartThree(NodeCluster& cluster) {
  for (int number = 1; number <= 3; ++number) cluster.Start(Memory(number));
}

// `count` keys from each of kThreads threads at once, each key written by one request.
void WriteKeys(NodeCluster& cluster, int count,
               const std::function<void(const CallResult&)>& answered = {}) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= count; ++i) {
        const auto answer = DecodeAnswer(
            cluster.Do(Request(t + 1, i), PutKey(absl::StrCat(t, "/", i), "value"), answered));
        ASSERT_OK(answer);
        ASSERT_EQ(answer->code, AnswerCode::kOk) << answer->detail;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Every key is there, and none was written twice.
void ExpectKeysOnce(const CoordinationMachine& machine, int count) {
  EXPECT_EQ(machine.kv().size(), static_cast<size_t>(kThreads * count));
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 1; i <= count; ++i) {
      const auto entry = machine.kv().Get(absl::StrCat(t, "/", i));
      ASSERT_TRUE(entry.has_value()) << t << "/" << i;
      EXPECT_EQ(entry->create_revision, entry->mod_revision);
    }
  }
}

// Reads all of `ids` until they have come equally far.
void ExpectAgreement(NodeCluster& cluster, const std::vector<NodeId>& ids) {
  const MonoTime give_up = cluster.In(NodeCluster::kAwaitMax);
  std::map<Index, uint64_t> hashes;
  while (cluster.clock().MonoNow() < give_up) {
    std::set<Index> places;
    for (NodeId id : ids) {
      cluster.Read(id, [&](const CoordinationMachine& machine) {
        places.insert(machine.applied());
        const auto [known, first] = hashes.try_emplace(machine.applied(), machine.Hash());
        EXPECT_EQ(known->second, machine.Hash());
      });
    }
    if (places.size() == 1) return;
  }
  FAIL() << "the nodes do not come equally far";
}

TEST(NodeTest, ThreeNodesAgreeOnAThousandProposalsEachAnsweredOnce) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  std::atomic<int> done = 0;
  WriteKeys(cluster, 125, [&](const CallResult& result) {
    if (result.fate == Fate::kDone) ++done;
  });
  for (uint64_t id : {1, 2, 3}) {
    cluster.Read(NodeId{id},
                 [](const CoordinationMachine& machine) { ExpectKeysOnce(machine, 125); });
  }
  ExpectAgreement(cluster, {NodeId{1}, NodeId{2}, NodeId{3}});
  EXPECT_EQ(done, kThreads * 125);
}

TEST(NodeTest, OneNodeAtATimeHoldsALeaseAndItGoesOn) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  std::map<Term, std::set<absl::Duration>> leases;
  // What is done was acknowledged by a majority, and so is the lease of whoever did it.
  for (uint64_t sequence = 1; leases.empty() || leases.rbegin()->second.size() < 5; ++sequence) {
    cluster.Do(Request(1, sequence), PutKey("key", "value"));
    std::vector<Leadership> leaders;
    for (uint64_t id : {1, 2, 3}) {
      if (auto leadership = cluster.node(NodeId{id}).leadership()) leaders.push_back(*leadership);
    }
    const MonoTime now = cluster.clock().MonoNow();
    std::erase_if(leaders, [&](const Leadership& it) { return it.lease_until <= now; });
    ASSERT_LE(leaders.size(), 1u);
    for (const Leadership& it : leaders) leases[it.term].insert(it.lease_until.since_boot);
  }
}

TEST(NodeTest, TokensOfLeadershipsGrowTogetherWithThoseOfTheMachine) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  const Token first = cluster.node(cluster.AwaitLeader()).Status().leader_token.value();
  EXPECT_EQ(first.value >> kEpochShift, 1u);
  // What the machine gives out under this leadership has greater numbers, and all nodes know it.
  cluster.Do(Request(1, 1), PutKey("key", "value"));
  for (uint64_t id : {1, 2, 3}) {
    cluster.Read(NodeId{id}, [&](const CoordinationMachine& machine) {
      EXPECT_GT(machine.revision().value, first.value);
    });
    EXPECT_GE(cluster.node(NodeId{id}).Status().leader_token, first);
  }
  // A greater epoch counts for the leadership under way, too.
  Token raised;
  while (raised.value >> kEpochShift != 5) {
    Node& leader = cluster.node(cluster.AwaitLeader());
    absl::Notification done;
    if (!leader
             .Propose(std::nullopt, SetEpoch{{5}}, cluster.In(absl::Seconds(5)),
                      [&](const CallResult&, const Replica& replica) {
                        if (replica.leadership()) raised = replica.leadership()->token();
                        done.Notify();
                      })
             .ok()) {
      continue;
    }
    done.WaitForNotification();
  }
  EXPECT_GT(raised, first);
}

TEST(NodeTest, AnotherLeadsWhenTheLeaderStopsAndNothingAcknowledgedIsLost) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  const NodeId first = cluster.AwaitLeader();
  std::thread stop([&] { cluster.Stop(first); });
  WriteKeys(cluster, 25);
  stop.join();
  const NodeId second = cluster.AwaitLeader(first);
  EXPECT_NE(second, first);
  EXPECT_FALSE(cluster.node(first).leadership().has_value());
  EXPECT_EQ(cluster.node(first).Status().raft.soft.role, Role::kFollower);
  std::vector<NodeId> rest;
  for (uint64_t id : {1, 2, 3}) {
    if (NodeId{id} != first) rest.push_back(NodeId{id});
  }
  for (NodeId id : rest) {
    cluster.Read(id, [](const CoordinationMachine& machine) { ExpectKeysOnce(machine, 25); });
  }
  ExpectAgreement(cluster, rest);
}

TEST(NodeTest, ALeaderThatIsCutOffEndsItsLeadership) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  const NodeId first = cluster.AwaitLeader();
  cluster.network().Cut(first, true);
  const NodeId second = cluster.AwaitLeader(first);
  // Whoever leads now does so after the lease of the one before.
  const auto old = cluster.node(first).leadership();
  EXPECT_TRUE(!old || old->lease_until <= cluster.clock().MonoNow());
  cluster.network().Cut(first, false);
  EXPECT_NE(second, first);
  cluster.Do(Request(1, 1), PutKey("key", "value"));
  cluster.Read(first, [](const CoordinationMachine& machine) {
    EXPECT_TRUE(machine.kv().Get("key").has_value());
  });
}

TEST(NodeTest, AReadSeesWhatWasWrittenBeforeOnEveryNode) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  for (uint64_t sequence = 1; sequence <= 30; ++sequence) {
    const std::string value = std::to_string(sequence);
    cluster.Do(Request(1, sequence), PutKey("key", value));
    cluster.Read(NodeId{1 + sequence % 3}, [&](const CoordinationMachine& machine) {
      const auto entry = machine.kv().Get("key");
      ASSERT_TRUE(entry.has_value());
      EXPECT_EQ(entry->value, value);
    });
  }
}

TEST(NodeTest, AGracefulStepDownHandsOver) {
  NodeCluster cluster(kElectionTimeout);
  StartThree(cluster);
  const NodeId first = cluster.AwaitLeader();
  ASSERT_OK(cluster.node(first).StepDown(cluster.In(absl::Minutes(1))));
  EXPECT_FALSE(cluster.node(first).leadership().has_value());
  EXPECT_NE(cluster.AwaitLeader(first), first);
  EXPECT_OK(cluster.node(first).StepDown(cluster.In(absl::Minutes(1)))) << "it does not lead";
}

TEST(NodeTest, ALoneLeaderCannotHandOver) {
  NodeCluster cluster(kElectionTimeout);
  const NodeId only = cluster.Start(Memory(1, 1));
  ASSERT_EQ(cluster.AwaitLeader(), only);
  EXPECT_THAT(cluster.node(only).StepDown(cluster.In(absl::Minutes(1))),
              StatusIs(absl::StatusCode::kUnavailable));
}

// The lone node 1 on a disk that can be made to fail.
FaultyStorage& StartFaulty(NodeCluster& cluster) {
  auto storage = std::make_unique<FaultyStorage>(Memory(1, 1));
  FaultyStorage& faulty = *storage;
  cluster.Start(std::move(storage));
  cluster.AwaitLeader();
  cluster.Do(Request(1, 1), PutKey("key", "value"));
  return faulty;
}

TEST(NodeTest, ADiskErrorEndsTheNodeAndWhatWaitsIsUnknown) {
  NodeCluster cluster(kElectionTimeout);
  FaultyStorage& disk = StartFaulty(cluster);
  Node& node = cluster.node(NodeId{1});
  disk.FailAppends(absl::DataLossError("sync failed"));
  absl::Notification answered;
  Fate fate = Fate::kDone;
  ASSERT_OK(node.Propose(Request(1, 2), PutKey("key", "other"), cluster.In(absl::Minutes(1)),
                         [&](const CallResult& result, const Replica&) {
                           fate = result.fate;
                           answered.Notify();
                         }));
  EXPECT_THAT(cluster.AwaitFatal(NodeId{1}), StatusIs(absl::StatusCode::kDataLoss));
  answered.WaitForNotification();
  EXPECT_EQ(fate, Fate::kUnknown);
  EXPECT_FALSE(node.leadership().has_value());
  EXPECT_THAT(node.Read(cluster.In(absl::Minutes(1)), [](const auto&, const auto&) { FAIL(); }),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(NodeTest, AFullDiskRefusesProposalsAndLosesNone) {
  NodeCluster cluster(kElectionTimeout);
  FaultyStorage& disk = StartFaulty(cluster);
  Node& node = cluster.node(NodeId{1});
  disk.FailAppends(absl::ResourceExhaustedError("full"));
  absl::Notification answered;
  ASSERT_OK(node.Propose(Request(1, 2), PutKey("key", "kept"), cluster.In(absl::Hours(1)),
                         [&](const CallResult& result, const Replica&) {
                           EXPECT_EQ(result.fate, Fate::kDone) << result.detail;
                           answered.Notify();
                         }));
  // The disk's second try means that the first one was reported.
  disk.AwaitAppends(2);
  absl::Notification refused;
  ASSERT_OK(node.Propose(Request(2, 1), PutKey("key", "too much"), cluster.In(absl::Hours(1)),
                         [&](const CallResult& result, const Replica&) {
                           EXPECT_EQ(result.fate, Fate::kBusy) << result.detail;
                           refused.Notify();
                         }));
  refused.WaitForNotification();
  EXPECT_FALSE(answered.HasBeenNotified());
  disk.FailAppends(absl::OkStatus());
  answered.WaitForNotification();
  cluster.Do(Request(2, 1), PutKey("key", "fits again"));
}

TEST(NodeTest, ALeaderWhoseDiskStandsStillHandsOver) {
  NodeCluster cluster(kElectionTimeout);
  std::map<NodeId, FaultyStorage*> disks;
  for (int number = 1; number <= 3; ++number) {
    auto storage = std::make_unique<FaultyStorage>(Memory(number));
    FaultyStorage* disk = storage.get();
    disks[cluster.Start(std::move(storage))] = disk;
  }
  const NodeId first = cluster.AwaitLeader();
  cluster.Do(Request(1, 1), PutKey("key", "value"));
  disks[first]->HoldAppends(true);
  absl::Notification answered;
  const absl::Status taken =
      cluster.node(first).Propose(Request(1, 2), PutKey("key", "other"), cluster.In(absl::Hours(1)),
                                  [&](const auto&, const auto&) { answered.Notify(); });
  EXPECT_NE(cluster.AwaitLeader(first), first);
  disks[first]->HoldAppends(false);
  if (taken.ok()) answered.WaitForNotification();
  ExpectAgreement(cluster, {NodeId{1}, NodeId{2}, NodeId{3}});
}

TEST(NodeTest, AStoppedNodeTakesNoCallAndAnswersThoseItHad) {
  NodeCluster cluster(kElectionTimeout);
  cluster.Start(Memory(1));  // One of three: nothing is ever committed.
  Node& node = cluster.node(NodeId{1});
  std::atomic<int> answered = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK(node.Read(cluster.In(absl::Hours(1)), [&](const CallResult& result, const Replica&) {
      EXPECT_NE(result.fate, Fate::kDone);
      ++answered;
    }));
  }
  cluster.Stop(NodeId{1});
  EXPECT_EQ(answered, 10);
  EXPECT_THAT(node.Read(cluster.In(absl::Hours(1)), [](const CallResult&, const Replica&) {}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(NodeTest, ALateNodeGetsASnapshotAndThenTheRest) {
  ReplicaOptions options;
  options.snapshot_every = 50;
  options.raft.limits.tail_entries = 10;
  options.raft.limits.lag_entries = 20;
  NodeCluster cluster(kElectionTimeout, options);
  cluster.Start(Memory(1));
  cluster.Start(Memory(2));
  WriteKeys(cluster, 50);
  const NodeId late = cluster.Start(Memory(3));
  cluster.Read(late, [](const CoordinationMachine& machine) { ExpectKeysOnce(machine, 50); });
  EXPECT_GT(cluster.node(late).Status().raft.first, Index{1}) << "it came by a snapshot";
  ExpectAgreement(cluster, {NodeId{1}, NodeId{2}, NodeId{3}});
}

}  // namespace
}  // namespace z4j::consensus
