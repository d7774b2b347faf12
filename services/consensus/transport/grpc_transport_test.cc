#include "services/consensus/transport/grpc_transport.h"

#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "services/base/grpc_status.h"
#include "services/base/retry_after.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/admission/limits.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/handshake.h"
#include "services/consensus/transport/testing/test_node.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {
namespace {

using testing::SizeIs;

constexpr NodeId kA{1}, kB{2};

class GrpcTransportTest : public testing::Test {
 protected:
  void StartBoth() {
    ASSERT_OK(a_.Start());
    ASSERT_OK(b_.Start());
    a_.Knows({&b_});
    b_.Knows({&a_});
  }
  TestNode a_{1}, b_{2};
};

TEST_F(GrpcTransportTest, MessagesArriveInOrder) {
  StartBoth();
  ASSERT_TRUE(a_.events.AwaitUp(kB));
  constexpr uint64_t kMessages = 2000, kAtOnce = 100;
  for (uint64_t i = 1; i <= kMessages; ++i) {
    AppendRequest append{.prev_index = {i}, .prev_term = {1}, .entries = {}, .commit = {}};
    append.entries.push_back({.term = {1}, .index = {i + 1}, .data = MakePayload("entry")});
    append.send_id = i;
    a_.Send(kB, std::move(append));
    if (i % kAtOnce == 0) {
      ASSERT_TRUE(b_.events.AwaitMessages(i));
      b_.Send(kA, AppendReply{});
    }
  }
  const std::vector<Message> messages = b_.events.messages();
  ASSERT_THAT(messages, SizeIs(kMessages));
  for (uint64_t i = 0; i < kMessages; ++i) {
    const auto& append = std::get<AppendRequest>(messages[i].body);
    ASSERT_EQ(append.send_id, i + 1);
    ASSERT_EQ(*append.entries.at(0).data, "entry");
    ASSERT_EQ(messages[i].from, kA);
  }
}

TEST_F(GrpcTransportTest, WhatIsSaidWhileTheConnectionIsMadeArrives) {
  ASSERT_OK(a_.Start());
  ASSERT_OK(b_.Start());
  a_.Knows({&b_});
  a_.Send(kB, VoteRequest{});
  ASSERT_TRUE(b_.events.AwaitMessages(1));
}

// It was just added, or lags: its configuration does not name the leader.
TEST_F(GrpcTransportTest, ANodeWithoutPeersAnswersWhoSpeaksToIt) {
  ASSERT_OK(a_.Start());
  ASSERT_OK(b_.Start());
  a_.Knows({&b_});
  a_.Send(kB, AppendRequest{});
  ASSERT_TRUE(b_.events.AwaitMessages(1));
  b_.Send(kA, ReadReply{.context = 5, .index = {}});
  ASSERT_TRUE(a_.events.AwaitMessages(1));
  EXPECT_EQ(std::get<ReadReply>(a_.events.messages()[0].body).context, 5);
}

TEST_F(GrpcTransportTest, APeerThatRestartsIsReconnectedSoon) {
  StartBoth();
  ASSERT_TRUE(a_.events.AwaitUp(kB));
  for (int round = 1; round <= 5; ++round) {
    b_.Stop();
    ASSERT_TRUE(a_.events.AwaitDown(kB, round));
    ASSERT_OK(b_.Start());
    const absl::Time started = absl::Now();
    ASSERT_TRUE(a_.events.AwaitUp(kB, round + 1));
    // kReconnectMax, and what a busy machine adds.
    EXPECT_LT(absl::Now() - started, absl::Seconds(5));
    a_.Send(kB, VoteReply{});
    ASSERT_TRUE(b_.events.AwaitMessages(round));
  }
}

// A broken network says nothing; TCP would find out, and find back, much too late.
TEST(GrpcTransportSilenceTest, APeerThatAnswersNoRequestIsDialedAnew) {
  const auto impatient = [](GrpcTransportOptions& options) {
    options.election_timeout = absl::Milliseconds(50);
  };
  TestNode a(1, impatient), b(2, impatient);
  ASSERT_OK(a.Start());
  ASSERT_OK(b.Start());
  a.Knows({&b});
  ASSERT_TRUE(a.events.AwaitUp(kB));
  a.Send(kB, AppendRequest{});
  EXPECT_TRUE(a.events.AwaitDown(kB));
  EXPECT_TRUE(a.events.AwaitUp(kB, 2));
}

TEST_F(GrpcTransportTest, WhoIsNoPeerAnyMoreIsLetGo) {
  StartBoth();
  ASSERT_TRUE(a_.events.AwaitUp(kB));
  a_.Knows({});
  EXPECT_TRUE(a_.events.AwaitDown(kB));
  a_.Knows({&b_});
  EXPECT_TRUE(a_.events.AwaitUp(kB, 2));
}

TEST_F(GrpcTransportTest, TheSameAddressCannotBeListenedOnTwice) {
  ASSERT_OK(a_.Start());
  TestNode other(3, [&](GrpcTransportOptions& options) { options.listen_address = a_.address(); });
  EXPECT_THAT(other.Start(), StatusIs(absl::StatusCode::kUnavailable));
}

// One who speaks to node 2 and need not be a node.
class StrangerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(node_.Start()); }
  void Dial() {
    stub_ = pb::PeerService::NewStub(
        grpc::CreateChannel(node_.address(), grpc::InsecureChannelCredentials()));
    stream_ = stub_->Stream(&context_);
  }
  grpc::StatusCode End() {
    pb::PeerFrame frame;
    while (stream_->Read(&frame)) {
    }
    return stream_->Finish().error_code();
  }
  pb::PeerFrame FrameOf(MessageBody body) {
    pb::PeerFrame frame;
    SetMessage({.cluster = {7},
                .from = {1},
                .incarnation = {101},
                .to = {2},
                .term = {1},
                .body = std::move(body)},
               frame.mutable_message());
    return frame;
  }

  TestNode node_{2};
  Self self_{.identity = {.cluster = {7}, .id = {1}, .incarnation = {101}},
             .election_timeout = absl::Milliseconds(1500),
             .version = "stranger",
             .secrets = nullptr};
  grpc::ClientContext context_;
  std::unique_ptr<pb::PeerService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::PeerFrame, pb::PeerFrame>> stream_;
};

TEST_F(StrangerTest, OfAnotherClusterIsRefused) {
  self_.identity.cluster = {8};
  Dial();
  stream_->Write(HelloFrame(self_));
  EXPECT_EQ(End(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(StrangerTest, WithoutHelloIsRefused) {
  Dial();
  stream_->Write(FrameOf(TimeoutNow{}));
  EXPECT_EQ(End(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(node_.events.messages(), SizeIs(0));
}

TEST_F(StrangerTest, WhoSaysNothingIsLetGo) {
  Dial();
  EXPECT_EQ(End(), grpc::StatusCode::CANCELLED);
}

TEST_F(StrangerTest, WhoSpeaksForAnotherNodeIsRefused) {
  self_.identity.id = {3};
  Dial();
  stream_->Write(HelloFrame(self_));
  stream_->Write(FrameOf(TimeoutNow{}));
  EXPECT_EQ(End(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(node_.events.messages(), SizeIs(0));
}

TEST_F(StrangerTest, ASnapshotWithoutItsBytesIsRefused) {
  Dial();
  stream_->Write(HelloFrame(self_));
  stream_->Write(FrameOf(InstallSnapshot{.meta = {{1}, {1}, {}, {}}}));
  EXPECT_EQ(End(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(node_.events.messages(), SizeIs(0));
}

// More often than a node with a wrong configuration would; see ConnectionLimiter.
TEST_F(StrangerTest, WhoFailsTooOftenIsBannedForAWhile) {
  const auto fail = [this] {
    self_.identity.cluster = {8};
    grpc::ClientContext context;
    const auto stream = stub_->Stream(&context);
    stream->Write(HelloFrame(self_));
    pb::PeerFrame frame;
    while (stream->Read(&frame)) {
    }
    return stream->Finish();
  };
  stub_ = pb::PeerService::NewStub(
      grpc::CreateChannel(node_.address(), grpc::InsecureChannelCredentials()));
  int failed = 0;
  grpc::Status banned = fail();
  for (; banned.error_code() == grpc::StatusCode::FAILED_PRECONDITION; banned = fail()) ++failed;
  EXPECT_GT(failed, kFailedGreetingsPerMinute);
  ASSERT_EQ(banned.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_GT(RetryAfterOf(FromGrpcStatus(banned)), absl::ZeroDuration());
  node_.clock.Shift(kBannedTryEvery);
  self_.identity.cluster = {7};
  for (int i = 0; i < 3; ++i) {  // One try; then it is free.
    grpc::ClientContext context;
    const auto stream = stub_->Stream(&context);
    stream->Write(HelloFrame(self_));
    pb::PeerFrame hello;
    EXPECT_TRUE(stream->Read(&hello));
    context.TryCancel();
    stream->Finish();
  }
}

TEST_F(StrangerTest, ASecondStreamOfTheSameNodeReplacesTheFirst) {
  Dial();
  stream_->Write(HelloFrame(self_));
  pb::PeerFrame hello;
  ASSERT_TRUE(stream_->Read(&hello));
  EXPECT_EQ(hello.hello().node(), 2);
  grpc::ClientContext context;
  const auto second = stub_->Stream(&context);
  second->Write(HelloFrame(self_));
  ASSERT_TRUE(second->Read(&hello));
  EXPECT_EQ(End(), grpc::StatusCode::CANCELLED);
  second->Write(FrameOf(TimeoutNow{}));
  EXPECT_TRUE(node_.events.AwaitMessages(1));
  node_.Send({1}, VoteReply{});
  pb::PeerFrame answer;
  ASSERT_TRUE(second->Read(&answer));
  EXPECT_TRUE(answer.message().has_vote_reply());
  context.TryCancel();
  second->Finish();
}

}  // namespace
}  // namespace z4j::consensus
