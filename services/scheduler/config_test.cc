#include "services/scheduler/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/config_consensus.h"

namespace z4j::scheduler {
namespace {

using testing::HasSubstr;

std::string WriteFile(const std::string& text) {
  const std::string path = testing::TempDir() + "/z4j-config-test.yaml";
  std::ofstream(path) << text;
  return path;
}

std::vector<std::string> FieldsAtFault(const absl::Status& status) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : FieldViolationsOf(status)) {
    fields.push_back(violation.field);
  }
  return fields;
}

TEST(ConfigTest, NothingGivenIsTheEmbeddedDefaultOnLoopback) {
  ASSERT_OK_AND_ASSIGN(const ServerConfig config, LoadConfig({}, {}, {}));
  EXPECT_TRUE(config.embedded());
  EXPECT_EQ(config.listen, "127.0.0.1:7801");
  EXPECT_EQ(config.http_listen, "127.0.0.1:7800");
  EXPECT_EQ(config.election, Election::kSolo);
  EXPECT_EQ(config.audit_key_file, "./z4j-data/audit.key");
  EXPECT_TRUE(config.make_audit_key);
  EXPECT_THAT(config.node_id, testing::EndsWith(":7801"));
}

TEST(ConfigTest, FlagWinsOverEnvironmentAndThatOverTheFile) {
  ASSERT_OK_AND_ASSIGN(
      const ServerConfig config,
      LoadConfig({{"listen", "127.0.0.1:1"}},
                 {{"listen", "127.0.0.1:2"}, {"node_id", "from-environment"}},
                 {{"listen", "127.0.0.1:3"}, {"node_id", "from-file"}, {"fire_retention", "2d"}}));
  EXPECT_EQ(config.listen, "127.0.0.1:1");
  EXPECT_EQ(config.node_id, "from-environment");
  EXPECT_EQ(config.fire_retention, absl::Hours(48));
}

TEST(ConfigTest, UnknownKeyInTheFileIsRefusedWithTheNearestKnownOne) {
  const auto settings =
      ReadConfigFile(ServerSettings(), WriteFile("listen: 127.0.0.1:1\nhttp_listn: x\n"));
  EXPECT_THAT(settings, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr(":2: unknown key 'http_listn'; did you mean "
                                           "'http_listen'?")));
}

TEST(ConfigTest, FileThatIsNoYamlIsRefusedNamingTheLine) {
  EXPECT_THAT(ReadConfigFile(ServerSettings(), WriteFile("listen: [1,\n")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(".yaml:")));
  EXPECT_THAT(ReadConfigFile(ServerSettings(), WriteFile("just text")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadConfigFile(ServerSettings(), WriteFile("listen: {a: b}")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("listen must be one value")));
  EXPECT_THAT(ReadConfigFile(ServerSettings(), "/nowhere/z4j.yaml"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(ConfigTest, MisspeltVariableIsRefusedAndForeignOnesAreLeftAlone) {
  EXPECT_THAT(ReadEnvironment(ServerSettings(), {{"Z4J_SCHEDULER_HTTP_LISTN", "x"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Z4J_SCHEDULER_HTTP_LISTEN")));
  ASSERT_OK_AND_ASSIGN(
      const Settings settings,
      ReadEnvironment(ServerSettings(), {{"Z4J_SCHEDULER_SERVICE_HOST", "10.0.0.1"},
                                         {"Z4J_SCHEDULER_PORT_7801_TCP", "tcp://10.0.0.1:7801"},
                                         {"PATH", "/bin"},
                                         {"Z4J_SCHEDULER_LOG_LEVEL", "debug"}}));
  EXPECT_EQ(settings, (Settings{{"log_level", "debug"}}));
}

TEST(ConfigTest, PlaintextWhereOthersCanReachItIsRefusedUnlessInsecureIsGiven) {
  for (const char* address :
       {"0.0.0.0:7801", "[::]:7801", "10.1.2.3:7801", "scheduler:7801", "127.example.com:7801"}) {
    EXPECT_EQ(FieldsAtFault(LoadConfig({{"listen", address}}, {}, {}).status()),
              std::vector<std::string>{"--listen"})
        << address;
    EXPECT_OK(LoadConfig({{"listen", address}, {"insecure", "true"}}, {}, {}));
    EXPECT_OK(LoadConfig({{"listen", address}, {"tls_cert", "c"}, {"tls_key", "k"}}, {}, {}));
  }
  for (const char* address :
       {"127.0.0.1:7801", "127.3.2.1:7801", "localhost:7801", "[::1]:7801", "unix:/run/z4j.sock"}) {
    EXPECT_OK(LoadConfig({{"listen", address}}, {}, {})) << address;
  }
}

TEST(ConfigTest, EverySettingAtFaultIsNamed) {
  const absl::Status status = LoadConfig({{"listen", "nonsense"},
                                          {"election", "coin"},
                                          {"log_level", "loud"},
                                          {"fire_retention", "5s"},
                                          {"tls_key", "k"},
                                          {"dispatch_policy", "best"}},
                                         {}, {})
                                  .status();
  EXPECT_THAT(FieldsAtFault(status),
              testing::UnorderedElementsAre("--listen", "--election", "--log-level",
                                            "--fire-retention", "--tls-cert", "--dispatch-policy"));
}

TEST(ConfigTest, DatabaseNeedsASharedAuditKey) {
  const Settings database = {{"database", "postgres://localhost/z4j"}};
  EXPECT_EQ(FieldsAtFault(LoadConfig(database, {}, {}).status()),
            std::vector<std::string>{"--audit-key-file"});
  ASSERT_OK_AND_ASSIGN(const ServerConfig config,
                       LoadConfig(database, {{"audit_key_file", "/etc/z4j/audit.key"}}, {}));
  EXPECT_FALSE(config.make_audit_key);
  EXPECT_EQ(FieldsAtFault(LoadConfig({{"election", "postgres"}}, {}, {}).status()),
            std::vector<std::string>{"--election"});
}

// What the first of three nodes with an embedded consensus is told.
Settings RaftSettings(const Settings& changed = {}) {
  Settings settings = {
      {"election", "raft"},
      {"node_id", "n1"},
      {"database", "postgres://localhost/z4j"},
      {"audit_key_file", "/etc/z4j/audit.key"},
      {"consensus_peers", "n1=127.0.0.1:7803,n2=127.0.0.1:7813,n3=127.0.0.1:7823"}};
  for (const auto& [name, value] : changed) {
    if (value.empty()) {
      settings.erase(name);
    } else {
      settings[name] = value;
    }
  }
  return settings;
}

TEST(ConfigTest, RaftTakesTheNumbersOfItsPeersFromTheirNames) {
  ASSERT_OK_AND_ASSIGN(const ServerConfig config, LoadConfig(RaftSettings(), {}, {}));
  ASSERT_EQ(config.consensus_peers.size(), 3u);
  EXPECT_EQ(config.consensus_peers[2].name, "n3");
  EXPECT_EQ(config.consensus_peers[2].number, 3u);
  EXPECT_EQ(config.consensus_peers[2].address, "127.0.0.1:7823");
  EXPECT_EQ(config.consensus_listen, "127.0.0.1:7803");
  EXPECT_EQ(config.consensus_data_dir, "./z4j-data/consensus");
  EXPECT_EQ(config.consensus_election_timeout, absl::Milliseconds(150));
  ASSERT_OK_AND_ASSIGN(
      const ServerConfig remote,
      LoadConfig(RaftSettings({{"consensus_peers", ""}, {"consensus_endpoints", "a:1, b:2"}}), {},
                 {}));
  EXPECT_EQ(remote.consensus_endpoints, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(remote.consensus_session_ttl, absl::Milliseconds(300));
  ASSERT_OK_AND_ASSIGN(const ServerConfig patient,
                       LoadConfig(RaftSettings({{"consensus_peers", ""},
                                                {"consensus_endpoints", "a:1"},
                                                {"consensus_session_ttl", "2s"}}),
                                  {{"consensus_session_ttl", "5s"}}, {}));
  EXPECT_EQ(patient.consensus_session_ttl, absl::Seconds(2));
}

TEST(ConfigTest, ASharedSecretIsEnoughForPeersThatOthersCanReach) {
  const Settings open = {{"consensus_listen", "0.0.0.0:7803"}};
  EXPECT_FALSE(LoadConfig(RaftSettings(open), {}, {}).ok());
  ASSERT_OK_AND_ASSIGN(
      const ServerConfig config,
      LoadConfig(RaftSettings(open), {{"consensus_peer_secret_file", "peer.secret"}}, {}));
  EXPECT_EQ(config.consensus_peer_secret_file, "peer.secret");
  // The certificate is then for the API alone, whose clients need none.
  EXPECT_OK(LoadConfig(RaftSettings({{"tls_cert", "c"}, {"tls_key", "k"}}),
                       {{"consensus_peer_secret_file", "peer.secret"}}, {}));
}

TEST(ConfigTest, WhatRaftSettingsContradictIsNamed) {
  const std::vector<std::pair<Settings, std::string>> cases = {
      {{{"consensus_peers", ""}}, "--election"},
      {{{"consensus_endpoints", "a:1"}}, "--consensus-endpoints"},
      {{{"node_id", "n4"}}, "--node-id"},
      {{{"node_id", ""}}, "--node-id"},
      {{{"database", ""}}, "--database"},
      {{{"consensus_listen", "0.0.0.0:7803"}}, "--consensus-listen"},
      {{{"tls_cert", "c"}, {"tls_key", "k"}}, "--tls-client-ca"},
      {{{"consensus_election_timeout", "5ms"}}, "--consensus-election-timeout"},
      {{{"consensus_session_ttl", "1s"}}, "--consensus-session-ttl"},
      {{{"consensus_peers", ""}, {"consensus_endpoints", "a:1"}, {"consensus_session_ttl", "10ms"}},
       "--consensus-session-ttl"},
      {{{"consensus_peers", ""}, {"consensus_endpoints", "a:1"}, {"consensus_session_ttl", "5"}},
       "--consensus-session-ttl"},
      {{{"consensus_peers", ""},
        {"consensus_endpoints", "a:1"},
        {"consensus_peer_secret_file", "f"}},
       "--consensus-peer-secret-file"},
      {{{"consensus_peers", "n1=127.0.0.1:1,n2=127.0.0.1"}}, "--consensus-peers"},
      {{{"consensus_peers", "n1=127.0.0.1:1,n2=127.0.0.1:0"}}, "--consensus-peers"},
      {{{"consensus_peers", "n1=127.0.0.1:1,two=127.0.0.1:2"}}, "--consensus-peers"},
      {{{"consensus_peers", "n1=127.0.0.1:1,n0=127.0.0.1:2"}}, "--consensus-peers"},
      {{{"consensus_peers", "n1=127.0.0.1:1,m1=127.0.0.1:2"}}, "--consensus-peers"},
      {{{"consensus_peers", "n1=127.0.0.1:1,n2=127.0.0.1:1"}}, "--consensus-peers"},
      {{{"consensus_peers", ""}, {"consensus_endpoints", "a:1"}, {"consensus_data_dir", "d"}},
       "--consensus-data-dir"},
      {{{"consensus_peers", ""}, {"consensus_endpoints", "a:1"}, {"consensus_join", "true"}},
       "--consensus-join"},
      {{{"consensus_peers", "n1=127.0.0.1:7803"}, {"consensus_join", "true"}}, "--consensus-join"},
  };
  for (const auto& [changed, field] : cases) {
    const absl::Status status = LoadConfig(RaftSettings(changed), {}, {}).status();
    EXPECT_EQ(FieldsAtFault(status), std::vector<std::string>{field}) << status;
  }
  EXPECT_EQ(FieldsAtFault(LoadConfig({{"consensus_data_dir", "d"}}, {}, {}).status()),
            std::vector<std::string>{"--consensus-data-dir"});
}

TEST(ConfigTest, ANodeThatWasAddedLaterIsNamedAsTheOthersAre) {
  const std::vector<ConsensusPeer> alike = {{"pod-1", 1, "a:1"}, {"pod-2", 2, "b:1"}};
  EXPECT_EQ(ConsensusNameOf(alike, 2), "pod-2");
  EXPECT_EQ(ConsensusNameOf(alike, 4), "pod-4");
  EXPECT_EQ(ConsensusNameOf({{"berlin1", 1, "a:1"}, {"paris2", 2, "b:1"}}, 4), "4");
}

TEST(ConfigTest, OneNodeAloneMayTryRaftWithoutADatabase) {
  EXPECT_OK(LoadConfig(
      {{"election", "raft"}, {"node_id", "n1"}, {"consensus_peers", "n1=127.0.0.1:7803"}}, {}, {}));
}

}  // namespace
}  // namespace z4j::scheduler
