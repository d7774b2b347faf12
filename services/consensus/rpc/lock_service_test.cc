#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/testing/rpc_cluster.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;

class LockServiceTest : public RpcClusterTest {
 protected:
  v1::AcquireLockRequest Wish(uint64_t session, const std::string& name,
                              absl::Duration wait = absl::ZeroDuration()) {
    v1::AcquireLockRequest request;
    *request.mutable_request_id() = NextRequest(session);
    request.set_name(name);
    SetDuration(wait, request.mutable_wait());
    return request;
  }
  grpc::Status Acquire(const v1::AcquireLockRequest& request, uint64_t* token = nullptr) {
    v1::AcquireLockResponse response;
    Context context;
    const grpc::Status status = leader().locks->AcquireLock(context, request, &response);
    if (token != nullptr) *token = response.token();
    return status;
  }
  Pending<v1::AcquireLockResponse> BeginAcquire(const v1::AcquireLockRequest& request) {
    return Begin(*leader().locks, &v1::LockService::Stub::AcquireLock, request);
  }
  bool Release(uint64_t session, const std::string& name, uint64_t token) {
    v1::ReleaseLockRequest request;
    *request.mutable_request_id() = NextRequest(session);
    request.set_name(name);
    request.set_token(token);
    v1::ReleaseLockResponse response;
    Context context;
    EXPECT_THAT(leader().locks->ReleaseLock(context, request, &response), IsGood());
    return response.released();
  }
  grpc::Status Force(const std::string& name, uint64_t token, bool* released = nullptr) {
    v1::ForceReleaseLockRequest request;
    *request.mutable_request_id() = ClientRequest();
    request.set_name(name);
    request.set_token(token);
    v1::ForceReleaseLockResponse response;
    Context context;
    const grpc::Status status = leader().locks->ForceReleaseLock(context, request, &response);
    if (released != nullptr) *released = response.released();
    return status;
  }
  grpc::Status Get(const std::string& name, v1::Lock* lock) {
    v1::GetLockRequest request;
    request.set_name(name);
    v1::GetLockResponse response;
    Context context;
    const grpc::Status status = leader().locks->GetLock(context, request, &response);
    *lock = response.lock();
    return status;
  }
  void AwaitLockWaiting(const std::string& name, const std::vector<uint64_t>& sessions) {
    Await([&] {
      v1::Lock lock;
      return Get(name, &lock).ok() &&
             std::vector<uint64_t>(lock.waiting().begin(), lock.waiting().end()) == sessions;
    });
  }
};

TEST_F(LockServiceTest, IsHeldByOneAndGoesToTheNextInOrder) {
  const uint64_t a = Open(), b = Open(), c = Open();
  uint64_t first = 0;
  ASSERT_THAT(Acquire(Wish(a, "lock"), &first), IsGood());
  auto second = BeginAcquire(Wish(b, "lock", absl::Seconds(60)));
  AwaitLockWaiting("lock", {b});
  auto third = BeginAcquire(Wish(c, "lock", absl::Seconds(60)));
  AwaitLockWaiting("lock", {b, c});
  v1::Lock lock;
  ASSERT_THAT(Get("lock", &lock), IsGood());
  EXPECT_EQ(lock.session_id(), a);
  EXPECT_EQ(lock.token(), first);

  EXPECT_TRUE(Release(a, "lock", first));
  ASSERT_THAT(second.status.get(), IsGood());
  EXPECT_GT(second.response->token(), first);
  EXPECT_FALSE(Release(a, "lock", first)) << "it holds it no longer";
  EXPECT_TRUE(Release(b, "lock", second.response->token()));
  ASSERT_THAT(third.status.get(), IsGood());
  EXPECT_GT(third.response->token(), second.response->token());
}

TEST_F(LockServiceTest, WhoeverDoesNotWaitIsRefused) {
  const uint64_t a = Open(), b = Open();
  ASSERT_THAT(Acquire(Wish(a, "lock")), IsGood());
  EXPECT_THAT(Acquire(Wish(b, "lock")),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_GRANTED));
  EXPECT_THAT(Acquire(Wish(b, "lock", absl::Milliseconds(30))),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_GRANTED));
  EXPECT_THAT(Acquire(Wish(b, "lock", absl::Seconds(-1))),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
}

TEST_F(LockServiceTest, ACancelledCallGivesItsPlaceUp) {
  const uint64_t a = Open(), b = Open();
  uint64_t token = 0;
  ASSERT_THAT(Acquire(Wish(a, "lock"), &token), IsGood());
  auto waits = BeginAcquire(Wish(b, "lock", absl::Seconds(60)));
  AwaitLockWaiting("lock", {b});
  waits.context->TryCancel();
  EXPECT_EQ(waits.status.get().error_code(), grpc::StatusCode::CANCELLED);
  AwaitLockWaiting("lock", {});
  EXPECT_TRUE(Release(a, "lock", token));
  v1::Lock lock;
  EXPECT_THAT(Get("lock", &lock),
              FailsWith(grpc::StatusCode::NOT_FOUND, v1::FAILURE_REASON_NOT_FOUND));
}

TEST_F(LockServiceTest, IsTakenAwayByForceFromTheTokenThatHoldsIt) {
  const uint64_t a = Open(), b = Open();
  uint64_t token = 0;
  ASSERT_THAT(Acquire(Wish(a, "lock"), &token), IsGood());
  auto next = BeginAcquire(Wish(b, "lock", absl::Seconds(60)));
  AwaitLockWaiting("lock", {b});
  EXPECT_THAT(Force("lock", token + 1),
              FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_TOKEN_MISMATCH));
  bool released = false;
  ASSERT_THAT(Force("lock", token, &released), IsGood());
  EXPECT_TRUE(released);
  ASSERT_THAT(next.status.get(), IsGood());
  EXPECT_GT(next.response->token(), token);
  EXPECT_FALSE(Release(a, "lock", token));
  ASSERT_THAT(Force("nobody's", 1, &released), IsGood());
  EXPECT_FALSE(released);
}

TEST_F(LockServiceTest, AreListedByNamePageByPage) {
  const uint64_t a = Open();
  for (const char* name : {"c", "a", "b"}) ASSERT_THAT(Acquire(Wish(a, name)), IsGood());
  v1::ListLocksRequest request;
  request.set_page_size(2);
  v1::ListLocksResponse response;
  Context one, two, three;
  ASSERT_THAT(leader().locks->ListLocks(one, request, &response), IsGood());
  std::vector<std::string> names;
  for (const v1::Lock& lock : response.locks()) names.push_back(lock.name());
  EXPECT_THAT(names, ElementsAre("a", "b"));
  request.set_page_token(response.next_page_token());
  response.Clear();
  ASSERT_THAT(leader().locks->ListLocks(two, request, &response), IsGood());
  ASSERT_EQ(response.locks_size(), 1);
  EXPECT_EQ(response.locks(0).name(), "c");
  EXPECT_EQ(response.next_page_token(), "");
  request.set_page_token("nonsense");
  EXPECT_THAT(leader().locks->ListLocks(three, request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
}

}  // namespace
}  // namespace z4j::consensus
