#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/client/consensus_client.h"
#include "services/consensus/client/session.h"
#include "services/consensus/server/testing/server_cluster.h"
#include "services/consensus/transport/testing/test_certificates.h"

// The client against three real nodes that ask for certificates and show their own.
namespace z4j::consensus::client {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kInVain = absl::Seconds(1);  // What will fail is tried for so long.

std::string Read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TlsClientTest : public testing::Test {
 protected:
  // Each node's certificate names its number, and besides what is given here.
  void Start(const std::string& more_names) {
    cluster_ = std::make_unique<ServerCluster>(3, [=, this](ConsensusOptions& options) {
      options.authentication = *LoadPeerAuthentication(
          certificates_.Issue("nodes", absl::StrCat("DNS:node-", options.id.value, more_names)));
    });
    cluster_->StartAll();
  }
  // Of a client whose certificate `authority` has signed, and that believes those of "nodes".
  Tls TlsOf(const std::string& authority) {
    const PeerAuthenticationFiles own = certificates_.Issue(authority, "", "a client");
    const std::string ca = certificates_.Issue("nodes", "").tls_ca;
    return {.ca = Read(ca), .certificate = Read(own.tls_certificate), .key = Read(own.tls_key)};
  }
  std::unique_ptr<Connection> Connect(const Tls& tls) {
    ConnectionOptions options;
    for (const auto& [id, address] : cluster_->members()) options.endpoints.push_back(address);
    options.tls = tls;
    return *Connection::Create(options, clock_);
  }
  CallOptions Within(absl::Duration duration) { return {clock_.MonoNow() + duration, nullptr}; }
  Result<v1::PutResponse> Put(const Tls& tls, const std::string& key, absl::Duration wait) {
    const auto connection = Connect(tls);
    v1::PutRequest request;
    request.set_key(key);
    return ConsensusClient(*connection).Put(request, Within(wait));
  }

  SystemClock clock_;
  TestCertificates certificates_;
  std::unique_ptr<ServerCluster> cluster_;
};

TEST_F(TlsClientTest, WithACertificateItsSessionLeadsThroughAChangeOfLeader) {
  Start(",IP:127.0.0.1");
  const auto connection = Connect(TlsOf("nodes"));
  SessionOptions options;
  options.ttl = absl::Seconds(10);  // Survives any election.
  const auto session = Session::Open(*connection, options, Within(absl::Minutes(1)));
  ASSERT_OK(session.status());
  const auto token = (*session)->Campaign("e", "v", Within(absl::Minutes(1)));
  ASSERT_OK(token.status());
  const NodeId leader = cluster_->AwaitLeader();
  cluster_->Kill(leader);
  EXPECT_OK((*session)->Proclaim("e", *token, "w", Within(absl::Minutes(1))).status());
  ASSERT_OK(cluster_->Start(leader));  // With a certificate that is new.
  EXPECT_OK((*session)->Resign("e", *token, 0, Within(absl::Minutes(1))).status());
}

TEST_F(TlsClientTest, WithoutACertificateOfTheAuthorityNothingIsDone) {
  Start(",IP:127.0.0.1");
  const Tls good = TlsOf("nodes");
  EXPECT_OK(Put(good, "known", absl::Minutes(1)).status());
  EXPECT_FALSE(Put({.ca = good.ca, .certificate = "", .key = ""}, "unnamed", kInVain).ok());
  EXPECT_FALSE(Put(TlsOf("strangers"), "stranger", kInVain).ok());
  const auto connection = Connect(good);
  const auto keys = ConsensusClient(*connection).List({}, Within(absl::Minutes(1)));
  ASSERT_OK(keys.status());
  ASSERT_EQ(keys->kvs_size(), 1);
  EXPECT_EQ(keys->kvs(0).key(), "known");
}

TEST_F(TlsClientTest, ANodeWhoseCertificateNamesAnotherHostIsNotSpokenTo) {
  Start(",DNS:elsewhere.example.com");
  cluster_->Put("key", "value");  // Among each other the nodes go by their numbers.
  const auto put = Put(TlsOf("nodes"), "key", kInVain);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().outcome, Outcome::kNotDone);
  EXPECT_THAT(put.failure().status,
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("does not name this host")));
}

TEST_F(TlsClientTest, NodesOfAnotherAuthorityAreNotSpokenTo) {
  Start(",IP:127.0.0.1");
  Tls tls = TlsOf("nodes");
  tls.ca = Read(certificates_.Issue("strangers", "").tls_ca);
  const auto put = Put(tls, "key", kInVain);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.failure().outcome, Outcome::kNotDone);
}

}  // namespace
}  // namespace z4j::consensus::client
