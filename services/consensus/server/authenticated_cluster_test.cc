#include <gmock/gmock.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/server/testing/server_cluster.h"
#include "services/consensus/transport/testing/test_certificates.h"

namespace z4j::consensus {
namespace {

using testing::Optional;

constexpr NodeId kAll[] = {NodeId{1}, NodeId{2}, NodeId{3}};

TEST(AuthenticatedClusterTest, NodesWithCertificatesElectOneAndCommit) {
  TestCertificates certificates;
  ServerCluster cluster(3, [&](ConsensusOptions& options) {
    options.authentication = *LoadPeerAuthentication(
        certificates.Issue("nodes", absl::StrCat("DNS:node-", options.id.value)));
  });
  cluster.StartAll();
  cluster.Put("key", "value");
  for (NodeId id : kAll) EXPECT_THAT(cluster.Get(id, "key"), Optional(std::string("value")));
}

// The steps of docs/security.md; a write after each restart, so that a quorum is there throughout.
TEST(AuthenticatedClusterTest, ASecretIsExchangedWhileTheClusterWorks) {
  const PeerSecret old{"old", std::string(32, 'o')}, fresh{"new", std::string(32, 'n')};
  std::map<NodeId, std::vector<PeerSecret>> files;
  for (NodeId id : kAll) files[id] = {old};
  ServerCluster cluster(3, [&](ConsensusOptions& options) {
    options.authentication.secrets =
        std::make_shared<PeerSecrets>(*PeerSecrets::Create(files[options.id]));
  });
  cluster.StartAll();
  int writes = 0;
  for (const std::vector<PeerSecret>& step :
       {std::vector{old, fresh}, std::vector{fresh, old}, std::vector{fresh}}) {
    for (NodeId id : kAll) {
      files[id] = step;
      cluster.Kill(id);
      ASSERT_OK(cluster.Start(id));
      const std::string key = absl::StrCat("key/", ++writes);
      cluster.Put(key, "value");
      EXPECT_THAT(cluster.Get(id, key), Optional(std::string("value")));  // It is in touch.
    }
  }
}

TEST(AuthenticatedClusterTest, ANodeWithAnotherSecretIsNotHeard) {
  ServerCluster cluster(3, [](ConsensusOptions& options) {
    const std::string key(32, options.id == kAll[2] ? 'x' : 's');
    options.authentication.secrets =
        std::make_shared<PeerSecrets>(*PeerSecrets::Create({{"a", key}}));
  });
  cluster.StartAll();
  cluster.Put("key", "value");
  for (NodeId id : {kAll[0], kAll[1]}) {
    EXPECT_THAT(cluster.Get(id, "key"), Optional(std::string("value")));
  }
  EXPECT_NE(cluster.server(kAll[2]).NotReady(), "");
  EXPECT_EQ(cluster.server(kAll[2]).node().Status().raft.last, Index{});
}

}  // namespace
}  // namespace z4j::consensus
