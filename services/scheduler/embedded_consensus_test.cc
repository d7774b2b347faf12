// Three schedulers' elections in one process: real consensus nodes over loopback, no stores.
#include "services/scheduler/embedded_consensus.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#include "absl/strings/escaping.h"
#include "services/base/field_error.h"
#include "services/scheduler/testing/embedded_cluster.h"

namespace z4j::scheduler {

INSTANTIATE_TEST_SUITE_P(Embedded, ElectorContract,
                         testing::Values([] { return std::make_unique<EmbeddedCluster>(3); }));

namespace {

class EmbeddedConsensusTest : public testing::Test {
 protected:
  EmbeddedConsensusTest() {
    for (LeaderElector* elector : cluster_.electors()) EXPECT_OK(elector->Start([] {}));
  }

  // The node that leads with a token > `after`.
  int AwaitLeader(FencingToken after = {}) {
    const MonoTime give_up = clock_.MonoNow() + absl::Minutes(1);
    while (clock_.MonoNow() < give_up) {
      for (int node = 0; node < 3; ++node) {
        const auto term = cluster_.node(node).elector.Current(clock_.MonoNow());
        if (!term || !(term->token > after)) continue;
        token_ = term->token;
        return node;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    ADD_FAILURE() << "nobody leads";
    return 0;
  }

  SystemClock clock_;
  EmbeddedCluster cluster_{3};
  FencingToken token_;  // As AwaitLeader found it.
};

TEST_F(EmbeddedConsensusTest, AllKnowTheLeadersTokenAndItTheirState) {
  const int leader = AwaitLeader();
  for (int node = 0; node < 3; ++node) {
    while (cluster_.node(node).elector.Leader().token != token_) {
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  const auto state = cluster_.node(leader).consensus.State();
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->role, "leader");
  EXPECT_EQ(state->epoch, 1u);
  ASSERT_EQ(state->peers.size(), 3u);
  for (int node = 0; node < 3; ++node) {
    EXPECT_EQ(state->peers[node].name, absl::StrCat("n", node + 1));
    EXPECT_EQ(state->peers[node].reachable.has_value(), node != leader);
  }
}

TEST_F(EmbeddedConsensusTest, TheNodeTellsWhatItMeasuresWhileItRuns) {
  const int leader = AwaitLeader();
  const auto leads = [&](int node) {
    for (const prometheus::MetricFamily& family : cluster_.node(node).consensus.Collect()) {
      if (family.name == "z4j_consensus_leader") return family.metric.at(0).gauge.value;
    }
    return -1.0;
  };
  EXPECT_EQ(leads(leader), 1);
  EXPECT_EQ(leads((leader + 1) % 3), 0);
  cluster_.node(leader).consensus.Stop();
  EXPECT_EQ(leads(leader), -1);
}

TEST_F(EmbeddedConsensusTest, WhoDiesIsReplacedAndFollowsWhenItComesBack) {
  const int first = AwaitLeader();
  cluster_.Kill(first);
  const FencingToken token = token_;
  cluster_.Begin(first);
  const int second = AwaitLeader(token);
  ASSERT_OK(cluster_.node(first).elector.Start([] {}));
  const std::string leader = absl::StrCat("n", second + 1);
  while (cluster_.node(first).elector.Leader().holder != leader) {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

TEST_F(EmbeddedConsensusTest, LeadershipGoesToWhomItIsHanded) {
  const int first = AwaitLeader();
  const int next = (first + 1) % 3;
  RaftElector& elector = cluster_.node(first).elector;
  EXPECT_OK(elector.CheckSuccessor(absl::StrCat("n", next + 1)));
  EXPECT_THAT(elector.CheckSuccessor(absl::StrCat("n", first + 1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(elector.CheckSuccessor("n9"), StatusIs(absl::StatusCode::kInvalidArgument));
  elector.ResignTo(absl::StrCat("n", next + 1), absl::Seconds(2));
  EXPECT_EQ(AwaitLeader(token_), next);
}

TEST_F(EmbeddedConsensusTest, TokensExceedThoseOfAnotherElectionOnceAsked) {
  const int leader = AwaitLeader();
  const FencingToken seen = {(int64_t{9} << 48) + 77};
  ASSERT_LT(token_, seen);
  cluster_.node(leader).elector.MustExceed(seen);
  const int next = AwaitLeader(seen);
  EXPECT_EQ(cluster_.node(next).consensus.State()->epoch, 10u);
}

std::string WriteSecrets(const std::string& name, const std::string& lines, mode_t mode = 0600) {
  const std::string path = absl::StrCat(testing::TempDir(), "/", name, "-", getpid());
  std::ofstream(path) << lines;
  chmod(path.c_str(), mode);
  return path;
}

std::string Secret(const std::string& id, char byte) {
  return absl::StrCat(id, ":", absl::Base64Escape(std::string(32, byte)), "\n");
}

// n1 speaks with the new one already, n2 knows it and speaks with the old one; n3 knows neither.
TEST(EmbeddedConsensusSecretTest, PeersKnowEachOtherByASecretAlsoWhileItIsExchanged) {
  const std::map<std::string, std::string> files = {
      {"n1", WriteSecrets("n1", Secret("new", 'n') + Secret("old", 'o'))},
      {"n2", WriteSecrets("n2", Secret("old", 'o') + Secret("new", 'n'))},
      {"n3", WriteSecrets("n3", Secret("old", 'x'))}};
  SystemClock clock;
  EmbeddedCluster cluster(3, [&](ServerConfig& config) {
    config.consensus_peer_secret_file = files.at(config.node_id);
  });
  for (LeaderElector* elector : cluster.electors()) EXPECT_OK(elector->Start([] {}));
  const auto leads = [&](int node) {
    return cluster.node(node).elector.Current(clock.MonoNow()).has_value();
  };
  const MonoTime give_up = clock.MonoNow() + absl::Minutes(1);
  while (!leads(0) && !leads(1) && clock.MonoNow() < give_up) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(leads(0) || leads(1));
  EXPECT_FALSE(leads(2));
  EXPECT_EQ(cluster.node(2).elector.Leader().holder, "");
  for (const auto& [node, path] : files) std::filesystem::remove(path);
}

TEST(EmbeddedConsensusSecretTest, AFileThatOthersCanReadIsRefusedByTheNameOfItsSetting) {
  SystemClock clock;
  ServerConfig config;
  config.node_id = "n1";
  config.consensus_peers = {{"n1", 1, "127.0.0.1:1"}};
  config.consensus_peer_secret_file = WriteSecrets("open", Secret("a", 's'), 0644);
  EmbeddedConsensus consensus(config, clock);
  const absl::Status status = consensus.Start([](const absl::Status&) {});
  const std::vector<FieldViolation> violations = FieldViolationsOf(status);
  ASSERT_EQ(violations.size(), 1u) << status;
  EXPECT_EQ(violations[0].field, "--consensus-peer-secret-file");
  std::filesystem::remove(config.consensus_peer_secret_file);
}

TEST(EmbeddedConsensusAloneTest, WhoHasNobodyToHandOverToGoesOn) {
  SystemClock clock;
  EmbeddedCluster alone(1);
  RaftElector& elector = alone.node(0).elector;
  ASSERT_OK(elector.Start([] {}));
  const auto await = [&] {
    while (!elector.Current(clock.MonoNow())) absl::SleepFor(absl::Milliseconds(1));
    return elector.Current(clock.MonoNow())->token;
  };
  const FencingToken token = await();
  EXPECT_THAT(elector.CheckSuccessor(""), StatusIs(absl::StatusCode::kFailedPrecondition));
  elector.Resign(absl::Minutes(1));
  EXPECT_EQ(await(), token);
}

}  // namespace
}  // namespace z4j::scheduler
