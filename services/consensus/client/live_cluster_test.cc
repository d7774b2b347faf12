#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/client/consensus_client.h"
#include "services/consensus/client/leader_watch.h"
#include "services/consensus/client/session.h"
#include "services/consensus/server/testing/server_cluster.h"

// The client against three real nodes.
namespace z4j::consensus::client {
namespace {

class LiveClusterTest : public testing::Test {
 protected:
  LiveClusterTest() {
    cluster_.StartAll();
    ConnectionOptions options;
    for (const auto& [id, address] : cluster_.members()) options.endpoints.push_back(address);
    connection_ = *Connection::Create(options, clock_);
    client_ = std::make_unique<ConsensusClient>(*connection_);
  }

  CallOptions Soon() { return {clock_.MonoNow() + absl::Seconds(60), nullptr}; }
  std::unique_ptr<Session> Open(const std::string& owner) {
    SessionOptions options;
    options.ttl = absl::Seconds(10);  // Survives any election.
    options.owner = owner;
    Result<std::unique_ptr<Session>> session = Session::Open(*connection_, options, Soon());
    EXPECT_OK(session.status());
    return *std::move(session);
  }
  std::future<Result<uint64_t>> Campaign(Session& session) {
    return std::async(std::launch::async,
                      [&session, call = Soon()] { return session.Campaign("e", "v", call); });
  }
  void AwaitCandidates(Session& session, size_t count) {
    const MonoTime until = clock_.MonoNow() + absl::Seconds(60);
    while (clock_.MonoNow() < until) {
      const auto candidates = session.Candidates("e", Soon());
      if (candidates.ok() && candidates->size() == count) return;
    }
    FAIL() << "not so many candidates";
  }
  // Kills whoever leads, and lets it come back when another leads.
  void ReplaceLeader() {
    const NodeId leader = cluster_.AwaitLeader();
    cluster_.Kill(leader);
    cluster_.AwaitLeader(leader);
    ASSERT_OK(cluster_.Start(leader));
  }

  SystemClock clock_;
  ServerCluster cluster_{3};
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<ConsensusClient> client_;
};

TEST_F(LiveClusterTest, ACandidateKeepsItsPlaceWhenTheConsensusLeaderDies) {
  const auto a = Open("a"), b = Open("b"), c = Open("c");
  const Result<uint64_t> first = a->Campaign("e", "v", Soon());
  ASSERT_OK(first.status());
  auto second = Campaign(*b);
  AwaitCandidates(*a, 1);
  auto third = Campaign(*c);
  AwaitCandidates(*a, 2);
  ReplaceLeader();
  const auto waiting = a->Candidates("e", Soon());
  ASSERT_OK(waiting.status());
  ASSERT_EQ(waiting->size(), 2);
  EXPECT_EQ(waiting->front().owner, "b");
  ASSERT_OK(a->Resign("e", *first, 0, Soon()).status());
  const Result<uint64_t> next = second.get();
  ASSERT_OK(next.status());
  EXPECT_GT(*next, *first);
  ReplaceLeader();
  ASSERT_OK(b->Close(Soon()).status());
  const Result<uint64_t> last = third.get();
  ASSERT_OK(last.status());
  EXPECT_GT(*last, *next);
}

TEST_F(LiveClusterTest, TheSuccessorNamedByTheLeaderIsNext) {
  const auto a = Open("a"), b = Open("b"), c = Open("c");
  const Result<uint64_t> first = a->Campaign("e", "v", Soon());
  ASSERT_OK(first.status());
  auto second = Campaign(*b);
  AwaitCandidates(*a, 1);
  auto third = Campaign(*c);
  AwaitCandidates(*a, 2);
  ASSERT_OK(a->Resign("e", *first, c->id(), Soon()).status());
  const Result<uint64_t> token = third.get();
  ASSERT_OK(token.status());
  ASSERT_OK(c->Resign("e", *token, 0, Soon()).status());
  EXPECT_OK(second.get().status());
}

TEST_F(LiveClusterTest, EachMutationIsDoneOnceWhileLeadersDie) {
  constexpr int kSteps = 400;
  // Each step takes the counter from what the step before made it to the next number.  One that was
  // done twice, or not, fails.
  auto counting = std::async(std::launch::async, [&] {
    std::string last;
    for (int i = 1; i <= kSteps; ++i) {
      v1::TxnRequest step;
      v1::Compare& compare = *step.add_compares();
      compare.set_key("n");
      if (last.empty()) {
        compare.set_mod_revision(0);
      } else {
        compare.set_value(last);
      }
      last = absl::StrCat(i);
      v1::Operation& write = *step.add_then();
      write.set_key("n");
      write.set_put(last);
      const auto done = client_->Txn(step, Soon());
      EXPECT_OK(done.status());
      if (!done.ok() || !done->succeeded()) return i;
    }
    return 0;
  });
  for (int i = 0; i < 3; ++i) ReplaceLeader();
  EXPECT_EQ(counting.get(), 0) << "the step that was not done exactly once";
  v1::GetRequest read;
  read.set_key("n");
  const auto now = client_->Get(read, Soon());
  ASSERT_OK(now.status());
  EXPECT_EQ(now->kv().value(), absl::StrCat(kSteps));
}

TEST_F(LiveClusterTest, ASessionIsTrustedAgainAfterTheLeaderChanged) {
  const auto session = Open("a");
  const Result<uint64_t> token = session->Campaign("e", "v", Soon());
  ASSERT_OK(token.status());
  ReplaceLeader();
  const MonoTime until = clock_.MonoNow() + absl::Seconds(60);
  while (!session->trusted_until().has_value() && clock_.MonoNow() < until) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(session->trusted_until().has_value());
  EXPECT_FALSE(session->lost());
  // And what it held it still holds.
  EXPECT_OK(session->Proclaim("e", *token, "w", Soon()).status());
}

TEST_F(LiveClusterTest, ASilentSessionEndsAndItsLockGoesToTheNext) {
  SessionOptions options;
  options.ttl = absl::Milliseconds(500);
  auto dying = *Session::Open(*connection_, options, Soon());
  const Result<uint64_t> first = dying->AcquireLock("l", absl::ZeroDuration(), Soon());
  ASSERT_OK(first.status());
  const auto next = Open("next");
  const auto refused = next->AcquireLock("l", absl::ZeroDuration(), Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.failure().reason, Reason::kNotGranted);
  EXPECT_EQ(refused.failure().outcome, Outcome::kRefused);
  const MonoTime silent = clock_.MonoNow();
  dying.reset();  // Without closing it.
  const Result<uint64_t> second = next->AcquireLock("l", absl::Seconds(60), Soon());
  ASSERT_OK(second.status());
  EXPECT_GT(*second, *first);
  EXPECT_GE(clock_.MonoNow() - silent, options.ttl * 3 / 4 - kTrustMarginMin);
  const auto released = next->ReleaseLock("l", *second, Soon());
  ASSERT_OK(released.status());
  EXPECT_TRUE(*released);
}

TEST_F(LiveClusterTest, AnOperatorSeesMembersStatusAndHealthAndMovesTheLeader) {
  cluster_.AwaitLeader();
  const auto members = client_->ListMembers(Soon());
  ASSERT_OK(members.status());
  EXPECT_EQ(members->members_size(), 3);
  const auto moved = client_->TransferLeader(v1::TransferLeaderRequest(), Soon());
  ASSERT_OK(moved.status());
  for (const std::string& endpoint : connection_->endpoints()) {
    EXPECT_OK(client_->GetStatus(endpoint, Soon()).status());
    EXPECT_OK(client_->GetHealth(endpoint, Soon()).status());
  }
  std::string snapshot;
  EXPECT_OK(client_
                ->SaveSnapshot(connection_->endpoints().front(), Soon(),
                               [&](const std::string& piece) {
                                 snapshot += piece;
                                 return absl::OkStatus();
                               })
                .status());
  EXPECT_FALSE(snapshot.empty());
}

}  // namespace
}  // namespace z4j::consensus::client
