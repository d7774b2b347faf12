#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/handshake.h"
#include "services/consensus/transport/testing/test_node.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {
namespace {

using testing::SizeIs;

constexpr NodeId kA{1}, kB{2};

// One who holds no secret, and one who does and misbehaves.
class SecretCallTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(node_.Start()); }
  template <typename Service>
  auto StubOf() {
    return Service::NewStub(
        grpc::CreateChannel(node_.address(), grpc::InsecureChannelCredentials()));
  }
  // Greets as node 1 would.
  template <typename Stream>
  void Greet(Stream& stream, Handshake& handshake) {
    pb::PeerFrame frame;
    ASSERT_TRUE(stream.Write(handshake.Begin()) && stream.Read(&frame));
    ASSERT_OK_AND_ASSIGN(const auto proof, handshake.Take(frame));
    ASSERT_TRUE(stream.Write(*proof));
  }
  template <typename Stream>
  static grpc::StatusCode End(Stream& stream) {
    pb::PeerFrame frame;
    while (stream.Read(&frame)) {
    }
    return stream.Finish().error_code();
  }
  pb::PeerFrame Frame(FrameSealer* sealer) {
    pb::PeerFrame frame;
    SetMessage({{7}, kA, {101}, kB, {1}, TimeoutNow{}}, frame.mutable_message());
    if (sealer != nullptr) sealer->Seal(&frame);
    return frame;
  }

  const std::shared_ptr<const PeerSecrets> secrets_ =
      std::make_shared<PeerSecrets>(*PeerSecrets::Create({{"a", std::string(32, 's')}}));
  const std::function<void(GrpcTransportOptions&)> with_secret_ =
      [this](GrpcTransportOptions& options) { options.authentication.secrets = secrets_; };
  TestNode node_{2, with_secret_};
  const Self self_{.identity = {.cluster = {7}, .id = kA, .incarnation = {101}},
                   .election_timeout = absl::Milliseconds(1500),
                   .version = "stranger",
                   .secrets = secrets_};
  Handshake handshake_{Handshake::Side::kDialer, PeerCall::kStream, self_,
                       std::string(kMacBytes, 'n')};
};

TEST_F(SecretCallTest, AReplayedFrameEndsTheStream) {
  const auto stub = StubOf<pb::PeerService>();
  grpc::ClientContext context;
  const auto stream = stub->Stream(&context);
  Greet(*stream, handshake_);
  const pb::PeerFrame frame = Frame(&handshake_.sealer());
  ASSERT_TRUE(stream->Write(frame));
  ASSERT_TRUE(node_.events.AwaitMessages(1));
  stream->Write(frame);
  EXPECT_EQ(End(*stream), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(node_.events.messages(), SizeIs(1));
}

TEST_F(SecretCallTest, AnUnsealedFrameEndsTheStream) {
  const auto stub = StubOf<pb::PeerService>();
  grpc::ClientContext context;
  const auto stream = stub->Stream(&context);
  Greet(*stream, handshake_);
  stream->Write(Frame(nullptr));
  EXPECT_EQ(End(*stream), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(node_.events.messages(), SizeIs(0));
}

TEST_F(SecretCallTest, AMessageInPlaceOfTheProofEndsTheStream) {
  const auto stub = StubOf<pb::PeerService>();
  grpc::ClientContext context;
  const auto stream = stub->Stream(&context);
  ASSERT_TRUE(stream->Write(handshake_.Begin()));
  stream->Write(Frame(nullptr));
  EXPECT_EQ(End(*stream), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(node_.events.messages(), SizeIs(0));
}

// It must not end the stream of the true node 1, either.
TEST_F(SecretCallTest, WhoProvesNothingReplacesNobody) {
  TestNode a(1, with_secret_);
  ASSERT_OK(a.Start());
  a.Knows({&node_});
  ASSERT_TRUE(a.events.AwaitUp(kB));
  const auto stub = StubOf<pb::PeerService>();
  grpc::ClientContext context;
  const auto stream = stub->Stream(&context);
  pb::PeerFrame frame;
  ASSERT_TRUE(stream->Write(handshake_.Begin()) && stream->Read(&frame));
  EXPECT_NE(End(*stream), grpc::StatusCode::OK);  // It took too long.
  a.Send(kB, VoteRequest{});
  ASSERT_TRUE(node_.events.AwaitMessages(1));
  EXPECT_FALSE(a.events.WasDown(kB));
}

TEST_F(SecretCallTest, ASnapshotWithoutProofStoresNothing) {
  const auto stub = StubOf<pb::SnapshotService>();
  grpc::ClientContext context;
  const auto stream = stub->Send(&context);
  pb::PeerFrame frame;
  SetMessage({{7}, kA, {101}, kB, {1}, InstallSnapshot{}},
             frame.mutable_snapshot_header()->mutable_message());
  stream->Write(handshake_.Begin());
  stream->Write(frame);
  EXPECT_EQ(End(*stream), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(SecretCallTest, AStreamsGreetingOpensNoSnapshot) {
  const auto stub = StubOf<pb::SnapshotService>();
  grpc::ClientContext context;
  const auto stream = stub->Send(&context);
  pb::PeerFrame frame;
  ASSERT_TRUE(stream->Write(handshake_.Begin()) && stream->Read(&frame));
  EXPECT_THAT(handshake_.Take(frame), StatusIs(absl::StatusCode::kUnauthenticated));
  context.TryCancel();
  End(*stream);
}

TEST_F(SecretCallTest, ASnapshotOfAnotherNodeThanTheOneThatProvedIsRefused) {
  const auto stub = StubOf<pb::SnapshotService>();
  grpc::ClientContext context;
  const auto stream = stub->Send(&context);
  Handshake handshake(Handshake::Side::kDialer, PeerCall::kSnapshot, self_,
                      std::string(kMacBytes, 'n'));
  Greet(*stream, handshake);
  pb::PeerFrame frame;
  SnapshotMeta meta{.index = {9}, .term = {1}, .config = {}, .config_index = {1}};
  SetMessage({{7}, {3}, {103}, kB, {1}, InstallSnapshot{meta, 1}},
             frame.mutable_snapshot_header()->mutable_message());
  frame.mutable_snapshot_header()->set_sha256(std::string(32, 'h'));
  handshake.sealer().Seal(&frame);
  stream->Write(frame);
  EXPECT_EQ(End(*stream), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace z4j::consensus
