#include "services/scheduler/store/postgres/pq.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/store/postgres/pq_pool.h"
#include "services/scheduler/store/postgres/pq_status.h"
#include "services/scheduler/store/postgres/testing/postgres_database.h"

namespace z4j::scheduler::pq {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PqTest : public testing::Test {
 protected:
  ConnectionOptions Options() { return {database_.conninfo(), "z4j:pq", "", absl::Seconds(10)}; }

  PostgresDatabase database_;
  Connection connection_{Options()};
};

TEST_F(PqTest, ReturnsEveryTypeAsItWasSent) {
  const absl::Time time = absl::FromUnixMicros(-12'345'678'901);
  const Uuid id = Uuid::Random();
  const std::string bytes("\0\xff\n", 3);
  ASSERT_OK(connection_.Ensure());
  ASSERT_OK_AND_ASSIGN(
      const Result row,
      connection_.Run(
          {"types", "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9::text, NULL::timestamptz"},
          Params()
              .Bool(true)
              .Int2(-7)
              .Int8(-1'000'000'000'000)
              .Time(time)
              .Time(absl::InfinitePast())
              .Id(id)
              .Text("ü")
              .Bytes(bytes)
              .Jsonb(R"({"a": 1})")));
  EXPECT_TRUE(row.Bool(0, 0));
  EXPECT_EQ(row.Int(0, 1), -7);
  EXPECT_EQ(row.Int(0, 2), -1'000'000'000'000);
  EXPECT_EQ(row.Time(0, 3), time);
  EXPECT_EQ(row.Time(0, 4), absl::InfinitePast());
  EXPECT_EQ(row.Id(0, 5), id);
  EXPECT_EQ(row.Text(0, 6), "ü");
  EXPECT_EQ(row.Text(0, 7), bytes);
  EXPECT_EQ(row.Text(0, 8), R"({"a": 1})");
  EXPECT_TRUE(row.IsNull(0, 9));
  EXPECT_EQ(row.Time(0, 9), absl::InfinitePast());
}

TEST_F(PqTest, SendsArraysWithNullsAndWithoutElements) {
  const std::vector<Uuid> ids = {Uuid::Random(), Uuid::Random()};
  const auto add_id = [](ArrayBuilder& to, const Uuid& id) { to.Id(id); };
  const auto add_text = [](ArrayBuilder& to, const std::string& text) { to.TextOrNull(text); };
  ASSERT_OK(connection_.Ensure());
  ASSERT_OK_AND_ASSIGN(
      const Result row,
      connection_.Run(
          {"arrays", "SELECT $1, $2, array_to_string($3, ',', 'none'), cardinality($2)"},
          Params()
              .Array(Type::kUuid, ids, add_id)
              .Array(Type::kUuid, std::vector<Uuid>(), add_id)
              .Array(Type::kText, std::vector<std::string>{"a", "", "b"}, add_text)));
  EXPECT_EQ(row.Ids(0, 0), ids);
  EXPECT_TRUE(row.Ids(0, 1).empty());
  EXPECT_EQ(row.Text(0, 2), "a,none,b");
  EXPECT_EQ(row.Int(0, 3), 0);
}

TEST_F(PqTest, PipelineWithoutBeginIsOneTransaction) {
  ASSERT_OK(connection_.Ensure());
  ASSERT_OK(connection_.Script("CREATE TABLE t (n bigint PRIMARY KEY)"));
  const Statement insert = {"insert", "INSERT INTO t VALUES ($1)"};
  EXPECT_THAT(
      connection_.Pipeline(
          {{&insert, Params().Int8(1)}, {&insert, Params().Int8(1)}, {&insert, Params().Int8(2)}}),
      StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(database_.Query("SELECT count(*) FROM t"), "0");

  ASSERT_OK_AND_ASSIGN(
      const std::vector<Result> results,
      connection_.Pipeline({{&insert, Params().Int8(1)}, {&insert, Params().Int8(2)}}));
  EXPECT_THAT(results, ElementsAre(testing::Property(&Result::affected, 1),
                                   testing::Property(&Result::affected, 1)));
  EXPECT_EQ(database_.Query("SELECT count(*) FROM t"), "2");
}

TEST_F(PqTest, AnswersTooLateAreUnavailableAndDropTheConnection) {
  Connection hasty({database_.conninfo(), "z4j:hasty", "", absl::Milliseconds(100)});
  ASSERT_OK(hasty.Ensure());
  EXPECT_THAT(hasty.Run({"", "SELECT pg_sleep(30)"}, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no answer within 100ms")));
  EXPECT_FALSE(hasty.is_open());
  ASSERT_OK(hasty.Ensure());
  EXPECT_OK(hasty.Run({"", "SELECT 1"}, {}));
}

TEST_F(PqTest, ConnectsAgainWhenTheServerClosedAnIdleConnection) {
  ASSERT_OK(connection_.Ensure());
  const Statement one = {"one", "SELECT 1"};
  ASSERT_OK(connection_.Run(one, {}));
  EXPECT_EQ(database_.TerminateBackends("z4j:pq"), 1);
  ASSERT_OK(connection_.Ensure());
  EXPECT_EQ(connection_.generation(), 2);
  EXPECT_OK(connection_.Run(one, {}));  // Prepared anew.
}

TEST_F(PqTest, ABackendKilledInAStatementIsUnavailable) {
  ASSERT_OK(connection_.Ensure());
  EXPECT_THAT(
      connection_.Run({"", "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(9)"}, {}),
      StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(connection_.Ensure());
}

TEST_F(PqTest, NamesErrorsInTheHousesCodes) {
  ASSERT_OK(connection_.Ensure());
  const auto raise = [this](const std::string& state) {
    return connection_.Script("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '" + state +
                              "'; END $$");
  };
  EXPECT_THAT(raise("53100"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(raise("XX001"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(raise("57014"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(raise("22021"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(raise("42P01"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(IsConflict(raise("40001")));
  EXPECT_TRUE(IsConflict(raise("40P01")));
  EXPECT_FALSE(IsConflict(raise("53100")));
}

TEST_F(PqTest, AServerThatIsNotThereIsUnavailable) {
  Connection nowhere({"host=/nonexistent dbname=x", "z4j:nowhere", "", absl::Seconds(1)});
  EXPECT_THAT(nowhere.Ensure(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(PqTest, APoolRollsBackWhatALeaseLeftOpen) {
  Pool pool(Options(), 1);
  {
    ASSERT_OK_AND_ASSIGN(Pool::Lease lease, pool.Acquire());
    ASSERT_OK(lease->Script("BEGIN; CREATE TABLE left_open ()"));
  }
  EXPECT_EQ(database_.Query("SELECT to_regclass('left_open') IS NULL"), "true");
  ASSERT_OK_AND_ASSIGN(Pool::Lease lease, pool.Acquire());
  EXPECT_FALSE(lease->in_transaction());
}

}  // namespace
}  // namespace z4j::scheduler::pq
