#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/server/testing/server_cluster.h"
#include "services/scheduler/elect/remote_raft_elector.h"
#include "services/scheduler/elect/testing/candidate.h"

// Three schedulers that elect by three real consensus nodes, each in its own process's stead.
namespace z4j::scheduler {
namespace {

using consensus::NodeId;
using consensus::ServerCluster;

constexpr absl::Duration kTtl = absl::Seconds(1);
constexpr absl::Duration kAwaitMax = absl::Seconds(60);

// Stops the signs of life of one node, as if its process were frozen.
class Freezer {
 public:
  void Freeze() { frozen_ = true; }
  void Thaw() { frozen_ = false; }
  void Pass() {
    while (frozen_) absl::SleepFor(absl::Milliseconds(1));
  }

 private:
  std::atomic<bool> frozen_ = false;
};

struct Node {
  Node(const ServerCluster& cluster, Clock& clock, const std::string& name)
      : elector([&] {
          RemoteRaftElector::Options options;
          for (const auto& [id, address] : cluster.members()) options.endpoints.push_back(address);
          options.cluster = "test";
          options.node = name;
          options.address = name + ":7801";
          options.session_ttl = kTtl;
          options.before_sign = [this] { freezer.Pass(); };
          return *RemoteRaftElector::Create(options, clock);
        }()),
        candidate(*elector, clock) {}
  ~Node() { freezer.Thaw(); }

  Freezer freezer;
  std::unique_ptr<RemoteRaftElector> elector;
  Candidate candidate;
};

// Looks at all nodes all the time, and notes who held which token, and for how long.
class Watcher {
 public:
  struct Holding {
    std::string holder;
    MonoTime seen;  // Not before it began.
    MonoTime trusted_until;
  };
  Watcher(std::map<std::string, std::unique_ptr<Node>>& nodes, Clock& clock)
      : nodes_(nodes), clock_(clock), thread_([this] { Run(); }) {}
  ~Watcher() { Stop(); }

  std::map<FencingToken, Holding> Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return holdings_;
  }

 private:
  void Run() {
    while (!stopping_) {
      for (const auto& [name, node] : nodes_) Look(name, *node);
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  void Look(const std::string& name, Node& node) {
    const std::optional<LeaderTerm> term = node.elector->Current(clock_.MonoNow());
    if (!term.has_value()) return;
    const auto [it, fresh] =
        holdings_.try_emplace(term->token, Holding{name, clock_.MonoNow(), term->trusted_until});
    EXPECT_EQ(it->second.holder, name) << "two nodes with the token " << term->token.value;
    it->second.trusted_until = std::max(it->second.trusted_until, term->trusted_until);
  }

  std::map<std::string, std::unique_ptr<Node>>& nodes_;
  Clock& clock_;
  std::map<FencingToken, Holding> holdings_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class RemoteRaftLiveTest : public testing::Test {
 protected:
  RemoteRaftLiveTest() {
    cluster_.StartAll();
    cluster_.AwaitLeader();
    for (const char* name : {"a", "b", "c"}) {
      nodes_[name] = std::make_unique<Node>(cluster_, clock_, name);
      EXPECT_OK(nodes_[name]->candidate.Start());
    }
  }

  // The node that leads with a token > `after`.
  std::pair<std::string, LeaderTerm> AwaitTerm(FencingToken after = {}) {
    const MonoTime until = clock_.MonoNow() + kAwaitMax;
    while (clock_.MonoNow() < until) {
      for (const auto& [name, node] : nodes_) {
        const std::optional<LeaderTerm> term = node->elector->Current(clock_.MonoNow());
        if (term.has_value() && term->token > after) return {name, *term};
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    ADD_FAILURE() << "nobody leads";
    return {"", {}};
  }
  void ReplaceConsensusLeader() {
    const NodeId leader = cluster_.AwaitLeader();
    cluster_.Kill(leader);
    cluster_.AwaitLeader(leader);
    ASSERT_OK(cluster_.Start(leader));
  }
  // Each token had one holder, which had lost its trust when the next was granted.
  void CheckHoldings(const std::map<FencingToken, Watcher::Holding>& holdings) {
    MonoTime free;
    for (const auto& [token, holding] : holdings) {
      EXPECT_LE(free, holding.seen) << holding.holder << " got " << token.value << " too early";
      free = holding.trusted_until;
    }
  }

  SystemClock clock_;
  ServerCluster cluster_{3};
  std::map<std::string, std::unique_ptr<Node>> nodes_;
};

TEST_F(RemoteRaftLiveTest, AFrozenHolderHasLostItsTrustBeforeAnotherIsGranted) {
  Watcher watcher(nodes_, clock_);
  FencingToken last;
  for (int i = 0; i < 3; ++i) {
    const auto [holder, term] = AwaitTerm(last);
    ASSERT_GT(term.token, last);
    nodes_[holder]->freezer.Freeze();
    const auto [next, taken] = AwaitTerm(term.token);
    EXPECT_NE(next, holder);
    EXPECT_FALSE(nodes_[holder]->candidate.Leads());
    nodes_[holder]->freezer.Thaw();
    last = term.token;
  }
  const auto holdings = watcher.Stop();
  EXPECT_GE(holdings.size(), 3);  // The watcher may have looked for the last time before the last.
  CheckHoldings(holdings);
}

TEST_F(RemoteRaftLiveTest, TheTermOutlivesTheDeathOfAConsensusLeader) {
  const auto [holder, term] = AwaitTerm();
  Watcher watcher(nodes_, clock_);
  ReplaceConsensusLeader();
  // Whoever leads afterwards does it by one token that nobody else had.
  const auto [next, after] = AwaitTerm();
  EXPECT_GE(after.token, term.token);
  CheckHoldings(watcher.Stop());
}

TEST_F(RemoteRaftLiveTest, OneHolderPerTokenWhileHoldersFreezeAndConsensusLeadersDie) {
  Watcher watcher(nodes_, clock_);
  FencingToken last;
  for (int i = 0; i < 3; ++i) {
    const auto [holder, term] = AwaitTerm(last);
    ASSERT_GE(term.token, last);
    nodes_[holder]->freezer.Freeze();
    ReplaceConsensusLeader();  // Which gives every session a full TTL.
    AwaitTerm(term.token);
    nodes_[holder]->freezer.Thaw();
    last = term.token;
  }
  CheckHoldings(watcher.Stop());
}

TEST_F(RemoteRaftLiveTest, AStoppedHolderHandsOverAtOnce) {
  const auto [holder, term] = AwaitTerm();
  // The others must have taken their places in the queue.
  const MonoTime until = clock_.MonoNow() + kAwaitMax;
  std::vector<MonoTime> took;
  nodes_[holder]->elector->Stop();
  const MonoTime stopped = clock_.MonoNow();
  const auto [next, taken] = AwaitTerm(term.token);
  EXPECT_NE(next, holder);
  EXPECT_LT(clock_.MonoNow() - stopped, kTtl);  // It did not take the end of the session.
  EXPECT_LT(clock_.MonoNow(), until);
}

TEST_F(RemoteRaftLiveTest, TokensExceedThoseOfAnotherClusterOnceAsked) {
  const auto [holder, term] = AwaitTerm();
  const FencingToken seen = {(int64_t{9} << 48) + 77};
  ASSERT_LT(term.token, seen);
  nodes_[holder]->elector->MustExceed(seen);
  const auto [next, taken] = AwaitTerm(seen);
  EXPECT_EQ(taken.token.value >> 48, 10);
  // It gave its term up before its time, but before that grant.
  const std::optional<LeaderTerm> last = nodes_[holder]->elector->Current(clock_.MonoNow());
  EXPECT_TRUE(!last.has_value() || last->token > seen);
  // Once is enough: who asks again, as a loop that had not heard of it, moves nothing.
  nodes_[next]->elector->MustExceed(seen);
  EXPECT_EQ(AwaitTerm(seen).second.token, taken.token);
}

TEST_F(RemoteRaftLiveTest, WhoeverDoesNotLeadRaisesNoEpoch) {
  const auto [holder, term] = AwaitTerm();
  const std::string other = holder == "a" ? "b" : "a";
  nodes_[other]->elector->MustExceed({(int64_t{9} << 48) + 77});
  nodes_[holder]->elector->Resign(absl::Seconds(5));
  EXPECT_EQ(AwaitTerm(term.token).second.token.value >> 48, 1);
}

}  // namespace
}  // namespace z4j::scheduler
