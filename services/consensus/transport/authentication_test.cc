#include "services/consensus/transport/authentication.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/memory_log_storage.h"
#include "services/consensus/transport/handshake.h"
#include "services/consensus/transport/testing/test_certificates.h"
#include "services/consensus/transport/testing/test_node.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr NodeId kA{1}, kB{2};

// --- The files --------------------------------------------------------------------------------
class FilesTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = certificates_.folder() + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  void ExpectRefused(const PeerAuthenticationFiles& files, const std::string& why) {
    EXPECT_THAT(LoadPeerAuthentication(files),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  }
  TestCertificates certificates_;
};

TEST_F(FilesTest, NoneIsNoAuthentication) {
  ASSERT_OK_AND_ASSIGN(const PeerAuthentication none, LoadPeerAuthentication({}));
  EXPECT_FALSE(none.any());
}

TEST_F(FilesTest, CertificateKeyAndAuthorityBelongTogether) {
  const PeerAuthenticationFiles whole = certificates_.Issue("nodes", "DNS:node-1,DNS:localhost");
  ASSERT_OK_AND_ASSIGN(const PeerAuthentication loaded, LoadPeerAuthentication(whole));
  EXPECT_THAT(loaded.tls->own_names.dns, ElementsAre("node-1", "localhost"));
  PeerAuthenticationFiles files = whole;
  files.tls_key.clear();
  ExpectRefused(files, "--peer-tls-key: --peer-tls-cert, --peer-tls-key and --peer-tls-ca belong");
  files = whole;
  files.tls_ca = "/no/such/file";
  ExpectRefused(files, "--peer-tls-ca: cannot read /no/such/file");
  files.tls_ca = Write("text.pem", "no certificate");
  ExpectRefused(files, "--peer-tls-ca: ");
  files = whole;
  files.tls_key = certificates_.Issue("nodes", "DNS:node-2").tls_key;
  ExpectRefused(files, "is not the key of the certificate");
}

TEST_F(FilesTest, ASecretIsReadFromAPrivateFile) {
  const std::string line = "a:" + absl::Base64Escape(std::string(32, 's')) + "\n";
  ASSERT_OK_AND_ASSIGN(const PeerAuthentication loaded,
                       LoadPeerAuthentication({.secret = Write("secret", line)}));
  EXPECT_EQ(loaded.secrets->current().id, "a");
  ExpectRefused({.secret = Write("open", line, 0644)}, "--peer-secret-file: ");
  ExpectRefused({.secret = "/no/such/file"}, "--peer-secret-file: cannot open");
}

TEST_F(FilesTest, NobodyListensToStrangersUnlessThatIsWanted) {
  EXPECT_OK(CheckPeerListener("127.0.0.1:7802", false, false));
  EXPECT_THAT(CheckPeerListener("0.0.0.0:7802", false, false),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--listen")));
  EXPECT_OK(CheckPeerListener("0.0.0.0:7802", false, true));
  EXPECT_OK(CheckPeerListener("0.0.0.0:7802", true, false));
}

// --- Real connections ---------------------------------------------------------------------------
class ConnectionTest : public testing::Test {
 protected:
  // `id` listens and dials by these.
  std::unique_ptr<TestNode> Node(uint64_t id, const PeerAuthentication& authentication) {
    auto node = std::make_unique<TestNode>(
        id, [&](GrpcTransportOptions& options) { options.authentication = authentication; });
    return node;
  }
  PeerAuthentication Tls(const std::string& names, const std::string& authority = "nodes",
                         const std::string& common_name = "a node") {
    return *LoadPeerAuthentication(certificates_.Issue(authority, names, common_name));
  }
  // Messages and a snapshot pass between the two, both ways.
  void ExpectUnderstanding(const PeerAuthentication& a_has, const PeerAuthentication& b_has) {
    MemoryLogStorage target({.cluster = {7}, .id = kB, .incarnation = {102}}, Config{});
    MemoryLogStorage source({.cluster = {7}, .id = kA, .incarnation = {101}}, Config{});
    SnapshotMeta meta{.index = {9}, .term = {1}, .config = {}, .config_index = {1}};
    meta.config.voters = {kA};
    meta.config.members = {{kA, {"one:1", {101}}}};
    const std::string state(600'000, 's');
    auto writer = *source.WriteSnapshot(meta, "");
    ASSERT_OK(writer->Append(state));
    ASSERT_OK(writer->Commit());

    const auto a = Node(1, a_has), b = Node(2, b_has);
    b->events.open_snapshot = [&](const SnapshotMeta& m, const std::string& from) {
      return target.WriteSnapshot(m, from);
    };
    ASSERT_OK(a->Start());
    ASSERT_OK(b->Start());
    a->Knows({b.get()});
    b->Knows({a.get()});
    ASSERT_TRUE(a->events.AwaitUp(kB));
    ASSERT_TRUE(b->events.AwaitUp(kA));
    for (uint64_t i = 1; i <= 50; ++i) {
      a->Send(kB, ReadRequest{i});
      ASSERT_TRUE(b->events.AwaitMessages(i));
      b->Send(kA, ReadReply{.context = i, .index = {}});
      ASSERT_TRUE(a->events.AwaitMessages(i));
      ASSERT_EQ(std::get<ReadReply>(a->events.messages()[i - 1].body).context, i);
    }
    a->transport().SendSnapshot(a->To(kB, InstallSnapshot{meta, 77}), *source.NewestSnapshot());
    ASSERT_TRUE(a->events.AwaitSent());
    EXPECT_THAT(a->events.sent(), ElementsAre(true));
    EXPECT_EQ(*(*target.NewestSnapshot())->Read(0, state.size()), state);
  }
  // Neither hears the other, and no snapshot passes.
  void ExpectNothingPasses(const PeerAuthentication& a_has, const PeerAuthentication& b_has) {
    const auto a = Node(1, a_has), b = Node(2, b_has);
    ASSERT_OK(a->Start());
    ASSERT_OK(b->Start());
    a->Knows({b.get()});
    b->Knows({a.get()});
    a->Send(kB, VoteRequest{});
    b->Send(kA, VoteRequest{});
    SnapshotMeta meta{.index = {9}, .term = {1}, .config = {}, .config_index = {1}};
    MemoryLogStorage source({.cluster = {7}, .id = kA, .incarnation = {101}}, Config{});
    ASSERT_OK((*source.WriteSnapshot(meta, ""))->Commit());
    a->transport().SendSnapshot(a->To(kB, InstallSnapshot{meta, 77}), *source.NewestSnapshot());
    ASSERT_TRUE(a->events.AwaitSent());  // Meanwhile the streams were tried again and again.
    EXPECT_THAT(a->events.sent(), ElementsAre(false));
    EXPECT_THAT(a->events.messages(), SizeIs(0));
    EXPECT_THAT(b->events.messages(), SizeIs(0));
  }
  static PeerAuthentication Secret(std::vector<PeerSecret> secrets) {
    return {.tls = {},
            .secrets = std::make_shared<PeerSecrets>(*PeerSecrets::Create(std::move(secrets)))};
  }

  TestCertificates certificates_;
  const PeerSecret old_{"old", std::string(32, 'o')}, new_{"new", std::string(32, 'n')};
};

TEST_F(ConnectionTest, CertificatesThatNameTheNodesPass) {
  ExpectUnderstanding(Tls("DNS:node-1"), Tls("URI:spiffe://z4j/node/2"));
}

TEST_F(ConnectionTest, ACommonNameWillDo) {
  ExpectUnderstanding(Tls("", "nodes", "node-1"), Tls("IP:10.0.0.9", "nodes", "node-2"));
}

TEST_F(ConnectionTest, ACertificateOfAnotherNodeIsRefused) {
  PeerAuthentication stolen = Tls("DNS:node-3");
  stolen.tls->own_names = {.uris = {}, .dns = {"node-1"}, .common_name = {}};  // It lies.
  ExpectNothingPasses(stolen, Tls("DNS:node-2"));
}

TEST_F(ConnectionTest, ACertificateOfAnotherAuthorityIsRefused) {
  PeerAuthentication foreign = Tls("DNS:node-1", "strangers");
  ExpectNothingPasses(foreign, Tls("DNS:node-2"));
  // Even if it trusts this one's.
  foreign.tls->ca = Tls("DNS:node-9").tls->ca;
  ExpectNothingPasses(foreign, Tls("DNS:node-2"));
}

TEST_F(ConnectionTest, NoCertificateIsRefused) {
  ExpectNothingPasses({}, Tls("DNS:node-2"));  // Plaintext.
  const auto b = Node(2, Tls("DNS:node-2"));
  ASSERT_OK(b->Start());
  grpc::SslCredentialsOptions options;
  std::ifstream ca(Tls("DNS:node-1").tls->ca);
  options.pem_root_certs = {std::istreambuf_iterator<char>(ca), {}};
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("node-2");
  const auto stub = pb::PeerService::NewStub(
      grpc::CreateCustomChannel(b->address(), grpc::SslCredentials(options), arguments));
  grpc::ClientContext context;
  const auto stream = stub->Stream(&context);
  stream->Write(HelloFrame({.identity = {.cluster = {7}, .id = kA, .incarnation = {101}},
                            .election_timeout = absl::Milliseconds(1500)}));
  pb::PeerFrame frame;
  EXPECT_FALSE(stream->Read(&frame));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ConnectionTest, AReplacedCertificateIsUsedWithoutARestart) {
  PeerAuthentication replaced = Tls("DNS:node-3");
  replaced.tls->own_names = {.uris = {}, .dns = {"node-1"}, .common_name = {}};
  replaced.tls->refresh_every = absl::Seconds(1);
  const auto a = Node(1, replaced), b = Node(2, Tls("DNS:node-2"));
  ASSERT_OK(a->Start());
  ASSERT_OK(b->Start());
  a->Knows({b.get()});
  b->Knows({a.get()});
  const PeerAuthenticationFiles good = certificates_.Issue("nodes", "DNS:node-1");
  std::filesystem::rename(good.tls_key, replaced.tls->key);
  std::filesystem::rename(good.tls_certificate, replaced.tls->certificate);
  EXPECT_TRUE(a->events.AwaitUp(kB));
  EXPECT_TRUE(b->events.AwaitUp(kA));
}

TEST_F(ConnectionTest, ANodeDoesNotStartWithAnothersCertificate) {
  EXPECT_THAT(Node(1, Tls("DNS:node-3"))->Start(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("names node-3")));
}

TEST_F(ConnectionTest, TheSameSecretPasses) { ExpectUnderstanding(Secret({old_}), Secret({old_})); }

TEST_F(ConnectionTest, SecretsAreExchangedOneNodeAfterTheOther) {
  ExpectUnderstanding(Secret({old_}), Secret({old_, new_}));
  ExpectUnderstanding(Secret({new_, old_}), Secret({old_, new_}));
  ExpectUnderstanding(Secret({new_, old_}), Secret({new_}));
}

TEST_F(ConnectionTest, AnotherSecretIsRefused) {
  ExpectNothingPasses(Secret({old_}), Secret({new_}));
  ExpectNothingPasses(Secret({old_}), Secret({{old_.id, new_.key}}));
  ExpectNothingPasses(Secret({old_}), {});
  ExpectNothingPasses({}, Secret({old_}));
}

TEST_F(ConnectionTest, BothTogetherPassAndEitherCanFail) {
  PeerAuthentication a = Tls("DNS:node-1"), b = Tls("DNS:node-2");
  a.secrets = b.secrets = Secret({old_}).secrets;
  ExpectUnderstanding(a, b);
  a.secrets = Secret({new_}).secrets;
  ExpectNothingPasses(a, b);
}

}  // namespace
}  // namespace z4j::consensus
