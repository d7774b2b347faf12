#include "services/consensus/config.h"

#include <gmock/gmock.h>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::consensus {
namespace {

std::vector<std::string> FieldsAtFault(const absl::Status& status) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : FieldViolationsOf(status)) {
    fields.push_back(violation.field);
  }
  return fields;
}

constexpr char kThree[] = "1=127.0.0.1:7811,2=127.0.0.1:7812,3=127.0.0.1:7813";

TEST(ConsensusConfigTest, NothingGivenIsOneNodeOnLoopback) {
  ASSERT_OK_AND_ASSIGN(const ServeConfig config, LoadConfig({}));
  EXPECT_EQ(config.node_id, NodeId{1});
  EXPECT_EQ(config.listen, "127.0.0.1:7811");
  EXPECT_EQ(config.data_dir, "./z4j-consensus-data/1");
  EXPECT_EQ(config.http_listen, "");
  EXPECT_EQ(config.election_timeout, absl::Milliseconds(150));
  EXPECT_EQ(config.max_requests_per_second, 1000);
}

TEST(ConsensusConfigTest, AMemberListensWhereTheOthersLookForIt) {
  ASSERT_OK_AND_ASSIGN(const ServeConfig config,
                       LoadConfig({{"node_id", "2"}, {"initial_cluster", kThree}}));
  EXPECT_EQ(config.listen, "127.0.0.1:7812");
  EXPECT_EQ(config.data_dir, "./z4j-consensus-data/2");
  EXPECT_EQ(config.initial_cluster.size(), 3u);
}

TEST(ConsensusConfigTest, WhereThereAreSeveralEachSaysWhichOneItIs) {
  EXPECT_THAT(FieldsAtFault(LoadConfig({{"initial_cluster", kThree}}).status()),
              testing::ElementsAre("--node-id"));
  EXPECT_THAT(FieldsAtFault(LoadConfig({{"node_id", "4"}, {"initial_cluster", kThree}}).status()),
              testing::ElementsAre("--initial-cluster"));
  EXPECT_THAT(FieldsAtFault(LoadConfig({{"node_id", "4"}, {"join", "127.0.0.1:7811"}}).status()),
              testing::ElementsAre("--listen"));
}

TEST(ConsensusConfigTest, PlaintextWhereOthersCanReachItIsRefusedUnlessInsecureIsGiven) {
  const Settings open = {{"listen", "0.0.0.0:7811"}};
  EXPECT_THAT(FieldsAtFault(LoadConfig(open).status()), testing::ElementsAre("--listen"));
  Settings given = open;
  given["insecure"] = "true";
  EXPECT_OK(LoadConfig(given));
  given = open;
  given["peer_tls_cert"] = "c";
  EXPECT_THAT(FieldsAtFault(LoadConfig(given).status()), testing::ElementsAre("--peer-tls-key"));
  given["peer_tls_key"] = "k";
  given["peer_tls_ca"] = "a";
  EXPECT_OK(LoadConfig(given));
  given = open;
  given["peer_secret_file"] = "f";
  EXPECT_OK(LoadConfig(given));
}

TEST(ConsensusConfigTest, CallsAreLimitedUnlessTheLimitIsZero) {
  ASSERT_OK_AND_ASSIGN(const ServeConfig config, LoadConfig({{"max_requests_per_second", "0"}}));
  EXPECT_EQ(config.max_requests_per_second, 0);
  for (const char* wrong : {"1000001", "many", "1.5", ""}) {
    EXPECT_THAT(FieldsAtFault(LoadConfig({{"max_requests_per_second", wrong}}).status()),
                testing::ElementsAre("--max-requests-per-second"));
  }
}

TEST(ConsensusConfigTest, EverySettingAtFaultIsNamed) {
  const absl::Status status = LoadConfig({{"node_id", "none"},
                                          {"initial_cluster", "a"},
                                          {"join", "x"},
                                          {"listen", "nonsense"},
                                          {"election_timeout", "5"},
                                          {"max_requests_per_second", "-1"},
                                          {"log_level", "loud"}})
                                  .status();
  EXPECT_THAT(FieldsAtFault(status),
              testing::UnorderedElementsAre("--node-id", "--initial-cluster", "--join", "--listen",
                                            "--election-timeout", "--max-requests-per-second",
                                            "--log-level"));
  EXPECT_THAT(FieldsAtFault(LoadConfig({{"election_timeout", "1ms"}}).status()),
              testing::ElementsAre("--election-timeout"));
}

}  // namespace
}  // namespace z4j::consensus
