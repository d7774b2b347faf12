#include "services/scheduler/elect/postgres_elector.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/elect/testing/candidate.h"
#include "services/scheduler/elect/testing/elector_contract.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/testing/postgres_database.h"

namespace z4j::scheduler {
namespace {

// For the contract: two nodes on a database of their own.
class PostgresCluster final : public ElectorCluster {
 public:
  PostgresCluster() {
    EXPECT_OK(PostgresScheduleStore({database_.conninfo(), "test"}).Migrate());
    for (const char* name : {"n1", "n2"}) {
      PostgresElector::Options options;
      options.conninfo = database_.conninfo();
      options.node = name;
      electors_.push_back(std::make_unique<PostgresElector>(options, clock_));
    }
  }
  std::vector<LeaderElector*> electors() override {
    return {electors_[0].get(), electors_[1].get()};
  }

 private:
  SystemClock clock_;
  PostgresDatabase database_;
  std::vector<std::unique_ptr<PostgresElector>> electors_;
};

INSTANTIATE_TEST_SUITE_P(Postgres, ElectorContract,
                         testing::Values([] { return std::make_unique<PostgresCluster>(); }));

// One node of a cluster: an elector on the shared database.
struct Node {
  Node(const PostgresDatabase& database, Clock& clock, const std::string& name,
       PostgresElector::Options options = {})
      : elector(
            [&] {
              options.conninfo = database.conninfo();
              options.node = name;
              return options;
            }(),
            clock),
        candidate(elector, clock) {}

  PostgresElector elector;
  Candidate candidate;
};

class PostgresElectorTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(store_.Migrate()); }

  // Starts `a` and, once it leads, `b`.
  LeaderTerm Start(Node& a, Node& b) {
    EXPECT_OK(a.candidate.Start());
    const LeaderTerm term = a.candidate.AwaitTerm();
    EXPECT_OK(b.candidate.Start());
    AwaitLeader(b, "a");
    return term;
  }
  // Waits until `node` has learned who leads.
  void AwaitLeader(Node& node, const std::string& leader) {
    database_.AwaitQuery(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'z4j:elect:b' AND state = 'idle'",
        "1");
    while (node.elector.Leader().holder != leader) absl::SleepFor(absl::Milliseconds(1));
  }

  SystemClock clock_;
  PostgresDatabase database_;
  PostgresScheduleStore store_{{database_.conninfo(), "test"}};
};

TEST_F(PostgresElectorTest, OnlyOneOfTwoLeadsAndBothKnowWho) {
  ASSERT_OK(store_.RaiseFence({41}, "somebody"));
  Node a(database_, clock_, "a"), b(database_, clock_, "b");
  EXPECT_EQ(Start(a, b).token, FencingToken{42});
  EXPECT_TRUE(a.candidate.Leads());
  EXPECT_FALSE(b.candidate.Leads());
  EXPECT_EQ(b.elector.Leader().holder, "a");
  EXPECT_EQ(b.elector.Leader().token, FencingToken{42});
}

TEST_F(PostgresElectorTest, TrustsItsTermNoLongerThanTheLease) {
  Node a(database_, clock_, "a");
  const MonoTime before = clock_.MonoNow();
  ASSERT_OK(a.candidate.Start());
  const LeaderTerm term = a.candidate.AwaitTerm();
  EXPECT_LT(term.trusted_until, clock_.MonoNow() + kLease);
  EXPECT_LT(before, term.trusted_until);
  EXPECT_EQ(a.elector.Current(term.trusted_until + kLease), std::nullopt);
}

TEST_F(PostgresElectorTest, HandsOverWhenTheLeaderStops) {
  Node a(database_, clock_, "a"), b(database_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  a.elector.Stop();
  EXPECT_FALSE(a.candidate.Leads());
  EXPECT_GT(b.candidate.AwaitTerm().token, first.token);
}

TEST_F(PostgresElectorTest, AStandbyIsToldThatTheLeaderStoppedAndNeedNotAsk) {
  PostgresElector::Options told;
  told.campaign_every = absl::Hours(1);
  Node a(database_, clock_, "a"), b(database_, clock_, "b", told);
  const LeaderTerm first = Start(a, b);
  a.elector.Stop();
  EXPECT_GT(b.candidate.AwaitTerm().token, first.token);
}

TEST_F(PostgresElectorTest, ANodeThatResignedStandsBackForItsPause) {
  Node a(database_, clock_, "a"), b(database_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  a.elector.Resign(absl::Hours(1));
  EXPECT_FALSE(a.candidate.Leads());
  b.candidate.AwaitTerm(first.token);
  b.elector.Resign(absl::ZeroDuration());
  EXPECT_GT(b.candidate.AwaitTerm().token, first.token);
  EXPECT_FALSE(a.candidate.Leads());
}

TEST_F(PostgresElectorTest, HandsOverBeforeTheLeaseEndsWhenTheLeadersConnectionDies) {
  Node a(database_, clock_, "a"), b(database_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  const MonoTime killed = clock_.MonoNow();
  ASSERT_EQ(database_.TerminateBackends("z4j:elect:a"), 1);
  // Either may be the next, but with a new token.
  database_.AwaitQuery(absl::StrCat("SELECT token > ", first.token.value, " FROM lease"), "true");
  EXPECT_LT(clock_.MonoNow() - killed, kLease);
  Node& next = database_.Query("SELECT holder FROM lease") == "a" ? a : b;
  EXPECT_GT(next.candidate.AwaitTerm(first.token).token, first.token);
}

TEST_F(PostgresElectorTest, AFrozenLeaderIsReplacedAndItsTokenRefused) {
  absl::Notification frozen, thaw;
  PostgresElector::Options options;
  options.lease = absl::Milliseconds(600);
  options.renew_every = absl::Milliseconds(50);
  options.before_renewal = [&] {
    if (!frozen.HasBeenNotified()) frozen.Notify();
    thaw.WaitForNotification();
  };
  Node a(database_, clock_, "a", options), b(database_, clock_, "b");
  const LeaderTerm first = Start(a, b);
  ASSERT_OK(store_.RaiseFence(first.token, "a"));
  frozen.WaitForNotification();

  const LeaderTerm second = b.candidate.AwaitTerm();
  EXPECT_GT(second.token, first.token);
  EXPECT_FALSE(a.candidate.Leads());  // Though its thread still hangs.
  ASSERT_OK(store_.RaiseFence(second.token, "b"));
  EXPECT_THAT(store_.CommitFires(first.token, {}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(store_.CommitFires(second.token, {}));

  thaw.Notify();
  AwaitLeader(a, "b");
  EXPECT_FALSE(a.candidate.Leads());
  EXPECT_TRUE(b.candidate.Leads());
}

TEST_F(PostgresElectorTest, LeadsAgainAfterTheServerCrashed) {
  Node a(database_, clock_, "a");
  ASSERT_OK(a.candidate.Start());
  const LeaderTerm first = a.candidate.AwaitTerm();
  PostgresDatabase::RestartServer();
  EXPECT_GT(a.candidate.AwaitTerm(first.token).token, first.token);
}

TEST_F(PostgresElectorTest, StopsWhileTheServerCannotBeReached) {
  PostgresElector elector({"host=/nonexistent dbname=x", "a"}, clock_);
  ASSERT_OK(elector.Start([] {}));
  elector.Stop();
  EXPECT_EQ(elector.Current(clock_.MonoNow()), std::nullopt);
}

}  // namespace
}  // namespace z4j::scheduler
