#include "services/consensus/server/consensus_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/testing/health_check.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/server/testing/server_cluster.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"

namespace z4j::consensus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Optional;

constexpr NodeId kAll[] = {NodeId{1}, NodeId{2}, NodeId{3}};

TEST(ConsensusServerTest, ThreeServersElectOneAndCommit) {
  ServerCluster cluster(3);
  cluster.StartAll();
  cluster.Put("key", "value");
  for (NodeId id : kAll) EXPECT_THAT(cluster.Get(id, "key"), Optional(std::string("value")));
  const ClusterId same = cluster.server(kAll[0]).identity().cluster;
  for (NodeId id : kAll) EXPECT_EQ(cluster.server(id).identity().cluster, same);
}

TEST(ConsensusServerTest, EachIsKilledAndStartedAgainAndNothingIsLost) {
  ServerCluster cluster(3);
  cluster.StartAll();
  for (NodeId killed : kAll) {
    cluster.Put(absl::StrCat("before/", killed.value), "value");
    cluster.Kill(killed);
    cluster.Put(absl::StrCat("without/", killed.value), "value");
    ASSERT_OK(cluster.Start(killed));
    for (NodeId before : kAll) {
      if (before > killed) continue;
      for (const char* when : {"before/", "without/"}) {
        const std::string key = absl::StrCat(when, before.value);
        EXPECT_THAT(cluster.Get(killed, key), Optional(std::string("value"))) << key;
      }
    }
  }
}

TEST(ConsensusServerTest, TheLeaderIsKilledAndAnotherLeads) {
  ServerCluster cluster(3);
  cluster.StartAll();
  cluster.Put("key", "value");
  const NodeId first = cluster.AwaitLeader();
  cluster.Kill(first);
  const NodeId second = cluster.AwaitLeader(first);
  EXPECT_THAT(cluster.Get(second, "key"), Optional(std::string("value")));
}

TEST(ConsensusServerTest, AllAreKilledAndTheStateIsThereAgain) {
  ServerCluster cluster(3);
  cluster.StartAll();
  cluster.Put("key", "value");
  for (NodeId id : kAll) cluster.Kill(id);
  cluster.StartAll();
  for (NodeId id : kAll) EXPECT_THAT(cluster.Get(id, "key"), Optional(std::string("value")));
}

TEST(ConsensusServerTest, AFollowerFarBehindGetsASnapshotOverTheWire) {
  ServerCluster cluster(3, [](ConsensusOptions& options) {
    options.snapshot_every = 50;
    options.limits.tail_entries = 10;
    options.limits.lag_entries = 20;
  });
  cluster.StartAll();
  cluster.AwaitLeader();
  cluster.Kill(kAll[2]);
  const auto first = [&](NodeId id) { return cluster.server(id).node().Status().raft.first; };
  int written = 0;
  // Until nobody has its next entries any more.
  while (first(kAll[0]) < Index{50} || first(kAll[1]) < Index{50}) {
    cluster.Put(absl::StrCat("key/", ++written), "value");
  }
  ASSERT_OK(cluster.Start(kAll[2]));
  for (int i : {1, written}) {
    EXPECT_THAT(cluster.Get(kAll[2], absl::StrCat("key/", i)), Optional(std::string("value")));
  }
  EXPECT_GE(first(kAll[2]), Index{50}) << "it came by a snapshot";
}

TEST(ConsensusServerTest, ALeaderHandsOverBeforeItStops) {
  ServerCluster cluster(3);
  cluster.StartAll();
  cluster.Put("key", "value");
  const NodeId first = cluster.AwaitLeader();
  ASSERT_OK(cluster.server(first).StepDown(absl::Minutes(1)));
  cluster.server(first).Stop();
  const NodeId second = cluster.AwaitLeader(first);
  EXPECT_NE(second, first);
  EXPECT_THAT(cluster.Get(second, "key"), Optional(std::string("value")));
}

TEST(ConsensusServerTest, HealthOfTheServicesIsReadinessAndOfTheProcessThatItAnswers) {
  ServerCluster cluster(3);
  cluster.StartAll();
  const auto channel =
      grpc::CreateChannel(cluster.members().at(kAll[0]), grpc::InsecureChannelCredentials());
  const auto await = [&](const std::string& expected) {
    const MonoTime give_up = SystemClock().MonoNow() + ServerCluster::kAwaitMax;
    for (const std::string& name : ConsensusServices::names()) {
      while (HealthOf(channel, name) != expected && SystemClock().MonoNow() < give_up) {
      }
      EXPECT_EQ(HealthOf(channel, name), expected) << name;
    }
    EXPECT_EQ(HealthOf(channel, ""), "SERVING");
  };
  await("SERVING");
  cluster.Kill(kAll[1]);
  cluster.Kill(kAll[2]);
  await("NOT_SERVING");  // It cannot know who leads.
  EXPECT_NE(cluster.server(kAll[0]).NotReady(), "");
  ASSERT_OK(cluster.Start(kAll[1]));
  await("SERVING");
}

TEST(ConsensusServerTest, WithoutMembersItIsAClusterOfItsOwn) {
  ServerCluster cluster(1, [](ConsensusOptions& options) {
    options.listen = options.members.at(options.id);
    options.members.clear();
  });
  ASSERT_OK(cluster.Start(kAll[0]));
  cluster.Put("key", "value");
  cluster.Kill(kAll[0]);
  ASSERT_OK(cluster.Start(kAll[0]));
  EXPECT_THAT(cluster.Get(kAll[0], "key"), Optional(std::string("value")));
}

TEST(ConsensusServerTest, WhatTheMembersWereIsAskedOnlyOnce) {
  bool again = false;
  ServerCluster cluster(3, [&](ConsensusOptions& options) {
    if (again) options.members = {{options.id, options.members.at(options.id)}};
  });
  cluster.StartAll();
  cluster.Put("key", "value");
  const ClusterId before = cluster.server(kAll[0]).identity().cluster;
  for (NodeId id : kAll) cluster.Kill(id);
  again = true;
  cluster.StartAll();
  EXPECT_EQ(cluster.server(kAll[0]).identity().cluster, before);
  EXPECT_EQ(cluster.server(kAll[0]).node().Status().raft.config.members.size(), 3u);
  EXPECT_THAT(cluster.Get(kAll[0], "key"), Optional(std::string("value")));
}

TEST(ConsensusServerTest, AFourthServerJoinsAndIsToldEverything) {
  ServerCluster cluster(3);
  cluster.StartAll();
  cluster.Put("key", "value");
  ServerCluster others(4, [&](ConsensusOptions& options) {
    options.members.clear();
    options.listen = absl::StrCat("127.0.0.1:", FreePort());
    options.join = {cluster.members().at(kAll[1])};
  });
  const NodeId fourth{4};
  ASSERT_OK(others.Start(fourth));
  EXPECT_EQ(others.server(fourth).identity().cluster, cluster.server(kAll[0]).identity().cluster);

  v1::AddLearnerRequest request;
  request.set_node_id(fourth.value);
  request.set_peer_address(absl::StrCat("127.0.0.1:", others.server(fourth).port()));
  grpc::Status added(grpc::StatusCode::UNKNOWN, "not asked");
  const MonoTime give_up = SystemClock().MonoNow() + ServerCluster::kAwaitMax;
  while (!added.ok() && SystemClock().MonoNow() < give_up) {
    const auto stub = v1::ClusterService::NewStub(grpc::CreateChannel(
        cluster.members().at(cluster.AwaitLeader()), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::AddLearnerResponse response;
    added = stub->AddLearner(&context, request, &response);
  }
  ASSERT_TRUE(added.ok()) << added.error_message();
  EXPECT_THAT(others.Get(fourth, "key"), Optional(std::string("value")));
}

TEST(ConsensusServerTest, NobodyToJoinMeansNothingIsMade) {
  ServerCluster cluster(1, [](ConsensusOptions& options) {
    options.listen = options.members.at(options.id);
    options.members.clear();
    options.join = {absl::StrCat("127.0.0.1:", FreePort())};
  });
  EXPECT_THAT(cluster.Start(kAll[0]), StatusIs(absl::StatusCode::kUnavailable));
}

// Waits until the cluster knows every member by its directory.
void AwaitIncarnations(ServerCluster& cluster) {
  const auto known = [&] {
    const NodeStatus status = cluster.server(cluster.AwaitLeader()).node().Status();
    for (const auto& [id, member] : status.raft.config.members) {
      if (member.incarnation.value == 0) return false;
    }
    return status.raft.commit == status.raft.last;
  };
  while (!known()) absl::SleepFor(absl::Milliseconds(1));
}

TEST(ConsensusServerTest, WhoeverLostItsDirectoryDoesNotStartUnderItsOldNumber) {
  ServerCluster cluster(3);
  cluster.StartAll();
  AwaitIncarnations(cluster);
  cluster.Kill(kAll[2]);
  std::filesystem::remove_all(cluster.OptionsOf(kAll[2]).data_dir);
  for (int i = 0; i < 2; ++i) {  // Nothing is made that would be taken for a directory next time.
    EXPECT_THAT(cluster.Start(kAll[2]),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("its disk was lost"), HasSubstr("z4j-consensus remove 3"),
                               HasSubstr("z4j-consensus add 3 127.0.0.1:"))));
  }
}

TEST(ConsensusServerTest, WhoeverLostItsDirectoryAndCouldNotAskIsNamedByTheLeader) {
  ServerCluster cluster(3);
  cluster.StartAll();
  AwaitIncarnations(cluster);
  for (NodeId id : kAll) cluster.Kill(id);
  std::filesystem::remove_all(cluster.OptionsOf(kAll[2]).data_dir);
  ASSERT_OK(cluster.Start(kAll[2]));
  ASSERT_OK(cluster.Start(kAll[0]));
  ASSERT_OK(cluster.Start(kAll[1]));
  const auto strangers = [&] {
    return cluster.server(cluster.AwaitLeader()).node().Status().strangers;
  };
  while (strangers().empty()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(strangers(), testing::ElementsAre(kAll[2]));
}

TEST(ConsensusServerTest, ADirectoryHasOneProcessAndOneNode) {
  ServerCluster cluster(2);
  ASSERT_OK(cluster.Start(kAll[0]));
  ConsensusOptions options = cluster.OptionsOf(kAll[0]);
  EXPECT_THAT(ConsensusServer::Start(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
  cluster.Kill(kAll[0]);
  options.id = kAll[1];
  EXPECT_THAT(ConsensusServer::Start(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("belongs to node 1")));
}

TEST(ConsensusServerTest, OptionsThatAreWrongAreNamedAndNothingIsMade) {
  ServerCluster cluster(2);
  const auto with = [&](const std::function<void(ConsensusOptions&)>& change) {
    ConsensusOptions options = cluster.OptionsOf(kAll[0]);
    change(options);
    return ConsensusServer::Start(std::move(options)).status();
  };
  using Options = ConsensusOptions;
  EXPECT_THAT(with([](Options& it) { it.id = {}; }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("id")));
  EXPECT_THAT(with([](Options& it) { it.id = NodeId{7}; }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("members")));
  EXPECT_THAT(with([](Options& it) { it.election_timeout = absl::Milliseconds(10); }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("election_timeout")));
  EXPECT_THAT(with([](Options& it) { it.join = {"127.0.0.1:1"}; }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("join")));
  EXPECT_THAT(
      with([](Options& it) { it.authentication.tls = PeerTls{.own_names = {.dns = {"node-7"}}}; }),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("names node-7")));
}

}  // namespace
}  // namespace z4j::consensus
