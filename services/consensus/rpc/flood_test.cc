#include "services/base/retry_after.h"
#include "services/consensus/rpc/testing/rpc_cluster.h"

// A client that asks too often.
namespace z4j::consensus {
namespace {

using testing::HasSubstr;

constexpr int kLimit = 20;  // Fewer than any machine does in a second.

class FloodTest : public RpcClusterTest {
 protected:
  explicit FloodTest(int requests_per_second = kLimit) : RpcClusterTest(1, requests_per_second) {}

  grpc::Status Get() {
    v1::GetRequest request;
    request.set_key("key");
    v1::GetResponse response;
    Context context;
    return leader().kv->Get(context, request, &response);
  }
  // Calls until one is refused.
  grpc::Status Flood() {
    grpc::Status status;
    Await([&] {
      status = Get();
      return status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    });
    return status;
  }
};

TEST_F(FloodTest, IsRefusedInWordsThatSayWhatToDo) {
  const grpc::Status refused = Flood();
  EXPECT_THAT(refused, FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::FAILURE_REASON_LIMIT));
  EXPECT_EQ(FailureIn(refused).outcome(), v1::OUTCOME_NOT_DONE);
  EXPECT_THAT(refused.error_message(), HasSubstr("more than 20 calls a second for keys and locks"));
  EXPECT_THAT(refused.error_message(), HasSubstr("max_requests_per_second; try again in "));
  const auto wait = RetryAfterOf(FromGrpcStatus(refused));
  ASSERT_TRUE(wait.has_value());
  EXPECT_GT(*wait, absl::ZeroDuration());
  EXPECT_LE(*wait, absl::Seconds(1) / kLimit);
  Await([&] { return Get().error_code() == grpc::StatusCode::NOT_FOUND; });  // Later it may again.
}

TEST_F(FloodTest, WatchesOfKeysCountToo) {
  v1::PutResponse put;
  ASSERT_THAT(Put("key", "value", &put), IsGood());
  Flood();
  Await([&] {
    Context context;
    v1::WatchRequest request;
    request.set_key("key");
    request.set_from_revision(put.header().revision());
    const auto stream = leader().kv->Watch(context, request);
    v1::WatchResponse change;
    if (stream->Read(&change)) {  // There was room again.
      context.get()->TryCancel();
      stream->Finish();
      return false;
    }
    return stream->Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  });
}

TEST_F(FloodTest, TheSessionBesideItLivesLeadsAndResigns) {
  constexpr absl::Duration kTtl = absl::Milliseconds(500);
  const uint64_t session = Open(kTtl);
  Context context;
  const auto stream = leader().sessions->KeepAlive(context);
  v1::KeepAliveRequest sign;
  sign.set_session_id(session);
  const v1::Leader leads = Lead(session, "election");
  int refused = 0;
  const MonoTime end = cluster_.In(3 * kTtl);
  while (cluster_.clock().MonoNow() < end) {
    refused += Get().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    ASSERT_TRUE(stream->Write(sign));
    v1::KeepAliveResponse answer;
    ASSERT_TRUE(stream->Read(&answer));
    ASSERT_FALSE(answer.lost());
  }
  EXPECT_GT(refused, kLimit);
  v1::GetHealthResponse health;
  Context another;
  EXPECT_THAT(leader().cluster->GetHealth(another, {}, &health), IsGood());
  EXPECT_THAT(Resign(session, leads), IsGood());
}

class NoLimitTest : public FloodTest {
 protected:
  NoLimitTest() : FloodTest(0) {}
};

TEST_F(NoLimitTest, ZeroIsNone) {
  for (int i = 0; i < 100 * kLimit; ++i) {
    ASSERT_EQ(Get().error_code(), grpc::StatusCode::NOT_FOUND);
  }
}

}  // namespace
}  // namespace z4j::consensus
