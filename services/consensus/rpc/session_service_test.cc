#include "services/base/field_error.h"
#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/testing/rpc_cluster.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;

class SessionServiceTest : public RpcClusterTest {
 protected:
  grpc::Status Get(uint64_t session, v1::Session* out = nullptr) {
    v1::GetSessionRequest request;
    request.set_session_id(session);
    v1::GetSessionResponse response;
    Context context;
    const grpc::Status status = leader().sessions->GetSession(context, request, &response);
    if (out != nullptr) *out = response.session();
    return status;
  }
};

using KeepAliveCall = grpc::ClientReaderWriter<v1::KeepAliveRequest, v1::KeepAliveResponse>;

v1::KeepAliveResponse Sign(KeepAliveCall& stream, uint64_t session) {
  v1::KeepAliveRequest request;
  request.set_session_id(session);
  v1::KeepAliveResponse response;
  EXPECT_TRUE(stream.Write(request));
  EXPECT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.session_id(), session);
  return response;
}

TEST_F(SessionServiceTest, TheSameNonceGivesTheSameSession) {
  v1::OpenSessionRequest request;
  request.set_nonce(5);
  v1::OpenSessionResponse first, second;
  Context one, two;
  ASSERT_THAT(leader().sessions->OpenSession(one, request, &first), IsGood());
  ASSERT_THAT(leader().sessions->OpenSession(two, request, &second), IsGood());
  EXPECT_GT(first.session_id(), 0u);
  EXPECT_EQ(first.session_id(), second.session_id());
  EXPECT_EQ(first.ttl().seconds(), 10) << "the default";
  EXPECT_EQ(first.epoch(), 1u);
  EXPECT_EQ(first.header().node_id(), 1u);
  EXPECT_EQ(first.header().cluster_id(), 77u);
  EXPECT_GT(first.header().term(), 0u);
  EXPECT_GE(first.header().revision(), first.session_id());
}

TEST_F(SessionServiceTest, TtlsAreMovedIntoTheirBounds) {
  v1::Session session;
  ASSERT_THAT(Get(Open(absl::Milliseconds(1)), &session), IsGood());
  EXPECT_EQ(session.ttl().nanos(), 300'000'000);
  ASSERT_THAT(Get(Open(absl::Hours(1)), &session), IsGood());
  EXPECT_EQ(session.ttl().seconds(), 60);
  ASSERT_THAT(Get(Open(absl::Seconds(-1)), &session), IsGood());
  EXPECT_EQ(session.ttl().nanos(), 300'000'000);
}

TEST_F(SessionServiceTest, ASessionSaysWhoseItIsAndWhatItHolds) {
  const uint64_t id = Open(absl::Seconds(60), "node-a");
  Lead(id, "tick");
  v1::Session session;
  ASSERT_THAT(Get(id, &session), IsGood());
  EXPECT_EQ(session.owner(), "node-a");
  EXPECT_THAT(session.elections(), ElementsAre("tick"));
  EXPECT_TRUE(session.locks().empty());
}

TEST_F(SessionServiceTest, AClosedSessionIsGoneAndCanBeClosedAgain) {
  const uint64_t id = Open();
  EXPECT_THAT(Close(id), IsGood());
  EXPECT_THAT(Close(id), IsGood());
  EXPECT_THAT(Get(id), FailsWith(grpc::StatusCode::NOT_FOUND, v1::FAILURE_REASON_NOT_FOUND));
}

TEST_F(SessionServiceTest, EveryIdOfAKeepAliveStreamIsAnswered) {
  const uint64_t lives = Open(absl::Seconds(30)), closed = Open();
  ASSERT_THAT(Close(closed), IsGood());
  Context context;
  const auto stream = leader().sessions->KeepAlive(context);
  const v1::KeepAliveResponse alive = Sign(*stream, lives);
  EXPECT_FALSE(alive.lost());
  EXPECT_EQ(alive.ttl().seconds(), 30);
  EXPECT_TRUE(Sign(*stream, closed).lost());
  stream->WritesDone();
  EXPECT_THAT(stream->Finish(), IsGood());
}

TEST_F(SessionServiceTest, ManySignsAtOnceAreAllAnswered) {
  const uint64_t id = Open();
  Context context;
  const auto stream = leader().sessions->KeepAlive(context);
  constexpr int kSigns = 3000;  // More than one stream may have under way.
  std::thread writer([&] {
    v1::KeepAliveRequest request;
    request.set_session_id(id);
    for (int i = 0; i < kSigns; ++i) ASSERT_TRUE(stream->Write(request));
    stream->WritesDone();
  });
  v1::KeepAliveResponse response;
  int answers = 0;
  while (stream->Read(&response)) answers += response.lost() ? 0 : 1;
  writer.join();
  EXPECT_EQ(answers, kSigns);
  EXPECT_THAT(stream->Finish(), IsGood());
}

TEST_F(SessionServiceTest, ASessionThatIsSilentIsLostAndOneThatIsNotLivesOn) {
  const uint64_t silent = Open(absl::Milliseconds(300)), lively = Open(absl::Milliseconds(300));
  Context context;
  const auto stream = leader().sessions->KeepAlive(context);
  Await([&] {
    Sign(*stream, lively);
    return Get(silent).error_code() == grpc::StatusCode::NOT_FOUND;
  });
  EXPECT_TRUE(Sign(*stream, silent).lost());
  EXPECT_FALSE(Sign(*stream, lively).lost());
}

TEST_F(SessionServiceTest, WhatIsOutOfBoundsIsNamed) {
  v1::OpenSessionRequest request;
  v1::OpenSessionResponse response;
  Context one;
  const grpc::Status status = leader().sessions->OpenSession(one, request, &response);
  EXPECT_THAT(status, FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
  EXPECT_EQ(FailureIn(status).outcome(), v1::OUTCOME_REFUSED);
  const auto violations = FieldViolationsOf(FromGrpcStatus(status));
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "nonce");

  Context two;
  const auto stream = leader().sessions->KeepAlive(two);
  stream->Write(v1::KeepAliveRequest());
  v1::KeepAliveResponse unused;
  EXPECT_FALSE(stream->Read(&unused));
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
}

TEST_F(SessionServiceTest, AStreamEndsWhenTheNodeGoesAway) {
  const uint64_t id = Open();
  Context context;
  const auto stream = leader().sessions->KeepAlive(context);
  Sign(*stream, id);
  leader().services.Shutdown();
  v1::KeepAliveResponse unused;
  EXPECT_FALSE(stream->Read(&unused));
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::UNAVAILABLE, v1::FAILURE_REASON_INTERRUPTED));
}

}  // namespace
}  // namespace z4j::consensus
