#include <gmock/gmock.h>

#include <atomic>
#include <string>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/crc32c.h"
#include "services/consensus/storage/memory_log_storage.h"
#include "services/consensus/storage/snapshot_format.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/handshake.h"
#include "services/consensus/transport/testing/test_node.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr NodeId kB{2};
constexpr size_t kSize = 3 * 1024 * 1024 + 12345;

std::string State() {
  std::string state(kSize, '\0');
  for (size_t i = 0; i < kSize; ++i) state[i] = static_cast<char>(i * 2654435761u >> 13);
  return state;
}

SnapshotMeta Meta() {
  SnapshotMeta meta{.index = {1000}, .term = {3}, .config = {}, .config_index = {1}};
  meta.config.voters = {{1}};
  meta.config.learners = {{2}};
  meta.config.members = {{{1}, {"one:1", {101}}}, {{2}, {"two:2", {102}}}};
  return meta;
}

// Counts what is written, and may fail.
class WatchedWriter final : public SnapshotWriter {
 public:
  WatchedWriter(std::unique_ptr<SnapshotWriter> writer, std::atomic<uint64_t>& written,
                std::atomic<uint64_t>& fail_at)
      : writer_(std::move(writer)), written_(written), fail_at_(fail_at) {}
  uint64_t size() const override { return writer_->size(); }
  absl::Status Append(std::string_view bytes) override {
    if (fail_at_ > 0 && size() >= fail_at_) {
      fail_at_ = 0;
      return absl::ResourceExhaustedError("the disk is full for a moment");
    }
    absl::Status status = writer_->Append(bytes);
    written_ += bytes.size();
    return status;
  }
  absl::Status Commit() override { return writer_->Commit(); }

 private:
  const std::unique_ptr<SnapshotWriter> writer_;
  std::atomic<uint64_t>& written_;
  std::atomic<uint64_t>& fail_at_;
};

class SnapshotTransferTest : public testing::Test {
 protected:
  explicit SnapshotTransferTest(uint64_t bytes_per_second = 0)
      : a_(1, [&](GrpcTransportOptions& options) {
          options.snapshot_bytes_per_second = bytes_per_second;
        }) {}

  void SetUp() override {
    auto writer = *source_.WriteSnapshot(Meta(), "");
    ASSERT_OK(writer->Append(State()));
    ASSERT_OK(writer->Commit());
    b_.events.open_snapshot =
        [this](const SnapshotMeta& meta,
               const std::string& source) -> absl::StatusOr<std::unique_ptr<SnapshotWriter>> {
      auto opened = target_.WriteSnapshot(meta, source);
      if (!opened.ok()) return opened.status();
      return std::make_unique<WatchedWriter>(*std::move(opened), written_, fail_at_);
    };
    ASSERT_OK(a_.Start());
    ASSERT_OK(b_.Start());
    a_.Knows({&b_});
  }
  void SendIt(NodeId peer = kB) {
    a_.transport().SendSnapshot(a_.To(peer, InstallSnapshot{Meta(), 77}),
                                *source_.NewestSnapshot());
  }
  void ExpectWhole() {
    const auto snapshot = target_.NewestSnapshot();
    ASSERT_OK(snapshot);
    EXPECT_EQ((*snapshot)->meta(), Meta());
    EXPECT_EQ((*snapshot)->size(), kSize);
    EXPECT_TRUE(*(*snapshot)->Read(0, kSize) == State());
    ASSERT_THAT(b_.events.messages(), SizeIs(1));
    EXPECT_EQ(std::get<InstallSnapshot>(b_.events.messages()[0].body).send_id, 77);
  }
  // As SendSnapshot would, but as the test likes: the last acknowledgement is put into `ack`.
  grpc::Status SendFrames(const std::vector<pb::PeerFrame>& frames, pb::SnapshotAck* ack) {
    const auto stub = pb::SnapshotService::NewStub(
        grpc::CreateChannel(b_.address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    const auto stream = stub->Send(&context);
    stream->Write(HelloFrame({.identity = identity_,
                              .election_timeout = absl::Milliseconds(1500),
                              .version = "test",
                              .secrets = nullptr}));
    for (const pb::PeerFrame& frame : frames) {
      if (!stream->Write(frame)) break;
    }
    stream->WritesDone();
    pb::PeerFrame frame;
    while (stream->Read(&frame)) {
      if (frame.has_snapshot_ack()) *ack = frame.snapshot_ack();
    }
    return stream->Finish();
  }
  pb::PeerFrame Header(const std::string& whole) {
    pb::PeerFrame frame;
    pb::SnapshotHeader* header = frame.mutable_snapshot_header();
    SetMessage(a_.To(kB, InstallSnapshot{Meta(), 77}), header->mutable_message());
    header->set_size_bytes(whole.size());
    Sha256 hash;
    hash.Update(whole);
    header->set_sha256(hash.Finish());
    return frame;
  }
  static pb::PeerFrame Chunk(uint64_t offset, const std::string& data) {
    pb::PeerFrame frame;
    frame.mutable_snapshot_chunk()->set_offset(offset);
    frame.mutable_snapshot_chunk()->set_data(data);
    frame.mutable_snapshot_chunk()->set_crc32c(Crc32c(data));
    return frame;
  }

  const NodeIdentity identity_{.cluster = {7}, .id = {1}, .incarnation = {101}};
  const NodeIdentity other_{.cluster = {7}, .id = {2}, .incarnation = {102}};
  MemoryLogStorage source_{identity_, Config{}}, target_{other_, Config{}};
  std::atomic<uint64_t> written_ = 0, fail_at_ = 0;
  TestNode a_, b_{2};
};

TEST_F(SnapshotTransferTest, ArrivesWholeAndThenTheCoreIsTold) {
  SendIt();
  ASSERT_TRUE(a_.events.AwaitSent());
  EXPECT_THAT(a_.events.sent(), ElementsAre(true));
  ExpectWhole();
  EXPECT_EQ(written_, kSize);
}

TEST_F(SnapshotTransferTest, GoesOnAfterAFailureWithWhatIsStored) {
  fail_at_ = 1024 * 1024;
  SendIt();
  ASSERT_TRUE(a_.events.AwaitSent());
  EXPECT_THAT(a_.events.sent(), ElementsAre(true));
  ExpectWhole();
  EXPECT_EQ(written_, kSize);  // Nothing twice.
}

TEST_F(SnapshotTransferTest, ToAPeerThatNobodyKnowsFails) {
  SendIt({9});
  ASSERT_TRUE(a_.events.AwaitSent());
  EXPECT_THAT(a_.events.sent(), ElementsAre(false));
}

TEST_F(SnapshotTransferTest, AWrongChecksumStoresNothing) {
  pb::PeerFrame chunk = Chunk(0, "some state");
  chunk.mutable_snapshot_chunk()->set_data("same state");
  pb::SnapshotAck ack;
  EXPECT_EQ(SendFrames({Header("some state"), chunk}, &ack).error_code(),
            grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(written_, 0);
}

TEST_F(SnapshotTransferTest, AWholeThatIsNotWhatWasSaidIsNotInstalled) {
  pb::SnapshotAck ack;
  EXPECT_EQ(SendFrames({Header("some state"), Chunk(0, "same state")}, &ack).error_code(),
            grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(b_.events.messages(), SizeIs(0));
  EXPECT_THAT(target_.NewestSnapshot(), StatusIs(absl::StatusCode::kNotFound));
  // And the true one is not built on it.
  EXPECT_TRUE(SendFrames({Header("some state"), Chunk(0, "some state")}, &ack).ok());
  EXPECT_TRUE(ack.complete());
  EXPECT_EQ(*(*target_.NewestSnapshot())->Read(0, 100), "some state");
}

TEST_F(SnapshotTransferTest, TheReceiverSaysWhereToGoOn) {
  pb::SnapshotAck ack;
  ASSERT_TRUE(SendFrames({Header("some state"), Chunk(0, "some")}, &ack).ok());
  EXPECT_EQ(ack.bytes_stored(), 0);
  EXPECT_EQ(SendFrames({Header("some state"), Chunk(3, " state")}, &ack).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ack.bytes_stored(), 4);
  EXPECT_FALSE(ack.complete());
  ASSERT_TRUE(SendFrames({Header("some state"), Chunk(4, " state")}, &ack).ok());
  EXPECT_TRUE(ack.complete());
}

TEST_F(SnapshotTransferTest, ASnapshotOfAnotherClusterIsRefused) {
  pb::PeerFrame header = Header("some state");
  header.mutable_snapshot_header()->mutable_message()->set_cluster(8);
  pb::SnapshotAck ack;
  EXPECT_EQ(SendFrames({header, Chunk(0, "some state")}, &ack).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(written_, 0);
}

TEST_F(SnapshotTransferTest, WhoDoesNotGreetIsRefused) {
  const auto stub = pb::SnapshotService::NewStub(
      grpc::CreateChannel(b_.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext impolite, silent;
  const auto stream = stub->Send(&impolite), nothing = stub->Send(&silent);
  stream->Write(Header("some state"));
  pb::PeerFrame frame;
  EXPECT_FALSE(stream->Read(&frame));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(nothing->Read(&frame));
  EXPECT_EQ(nothing->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

class SlowSnapshotTransferTest : public SnapshotTransferTest {
 protected:
  SlowSnapshotTransferTest() : SnapshotTransferTest(4 * 1024 * 1024) {}
};

TEST_F(SlowSnapshotTransferTest, GoesOnAfterTheReceiverRestarted) {
  SendIt();
  absl::Mutex mu;
  {
    absl::MutexLock lock(&mu);
    const auto some = [this] { return written_ >= 1024 * 1024; };
    while (!some()) mu.AwaitWithTimeout(absl::Condition(&some), absl::Milliseconds(5));
  }
  b_.Stop();
  EXPECT_LT(written_, kSize);
  ASSERT_OK(b_.Start());
  ASSERT_TRUE(a_.events.AwaitSent());
  EXPECT_THAT(a_.events.sent(), ElementsAre(true));
  ExpectWhole();
  EXPECT_EQ(written_, kSize);
}

}  // namespace
}  // namespace z4j::consensus
