#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"
#include "services/scheduler/store/postgres/migrations.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/testing/postgres_database.h"

// What only a shared database can do to a store: other nodes, lost connections, crashes.
namespace z4j::scheduler {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

constexpr FencingToken kOld{7}, kNew{8};

class PostgresClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(a_.Migrate());
    WriteSet write;
    write.inserted = {Sample("s")};
    Write(a_, write);
    ASSERT_OK(a_.RaiseFence(kOld, "a"));
  }

  static void Write(ScheduleStore& store, WriteSet write) {
    ASSERT_OK(store.Transact({}, {}, [&](const ReadSet& read) {
      AuditEntry entry;
      entry.seq = read.head.seq + 1;
      entry.schedule = Sample("s").schedule.id;
      write.audit = {entry};
      write.head.seq = entry.seq;
      return write;
    }));
  }
  static FireBatch BatchDue(absl::Time due) {
    FireBatch batch;
    batch.fires = {AutomaticFire(Sample("s").schedule.id, due)};
    batch.cursors = {{.schedule = Sample("s").schedule.id, .cursor = {due, 1}}};
    return batch;
  }
  // What kWrittenKept and the next Prune do.
  void Forget() {
    ASSERT_OK(database_.connection().Script(
        "UPDATE written_fires_kept SET next_at = next_at - interval '3 min'"));
    ASSERT_OK(a_.Prune(kOld, At(-1), 10));
  }
  std::string CountFires() { return database_.Query("SELECT count(*) FROM fires"); }

  PostgresDatabase database_;
  PostgresScheduleStore a_{{database_.conninfo(), "a"}};
  PostgresScheduleStore b_{{database_.conninfo(), "b"}};
};

TEST_F(PostgresClusterTest, TablesThatGrewAreLookedAtAgainWithoutWaitingForAutovacuum) {
  WriteSet write;
  for (int i = 0; i < 600; ++i) write.inserted.push_back(Sample(absl::StrCat("more-", i)));
  Write(a_, write);
  EXPECT_EQ(database_.Query("SELECT count(*) FROM pg_class "
                            "WHERE relname IN ('schedules', 'cursors') AND reltuples > 600"),
            "2");
}

TEST_F(PostgresClusterTest, ARaiseWaitsForTheWritesOfTheOldLeader) {
  // The first half of a leader's write, held open.
  pq::Connection write({database_.conninfo(), "z4j:test", "", absl::Seconds(30)});
  ASSERT_OK(write.Ensure());
  ASSERT_OK(
      write.Script(absl::StrCat("BEGIN; SELECT require_leader(", kOld.value, ", '-infinity')")));

  absl::Status raised = absl::UnknownError("not yet");
  std::thread raise([&] { raised = b_.RaiseFence(kNew, "b").status(); });
  database_.AwaitQuery(
      "SELECT count(*) FROM pg_stat_activity "
      "WHERE application_name = 'z4j:control:b' AND wait_event_type = 'Lock'",
      "1");
  EXPECT_OK(write.Script(
      "INSERT INTO deleted_schedules VALUES (gen_random_uuid(), 'p', 'late', now()); COMMIT"));
  raise.join();
  EXPECT_OK(raised);
  EXPECT_EQ(database_.Query("SELECT name FROM deleted_schedules"), "late");
}

// What it waited for is what it returns, although the statement began before.
TEST_F(PostgresClusterTest, ARaiseKnowsWhatTheOldLeaderWroteLast) {
  pq::Connection write({database_.conninfo(), "z4j:test", "", absl::Seconds(30)});
  ASSERT_OK(write.Ensure());
  ASSERT_OK(
      write.Script(absl::StrCat("BEGIN; SELECT require_leader(", kOld.value, ", '-infinity')")));
  absl::StatusOr<FenceRow> raised = absl::UnknownError("not yet");
  std::thread raise([&] { raised = b_.RaiseFence(kNew, "b"); });
  database_.AwaitQuery(
      "SELECT count(*) FROM pg_stat_activity "
      "WHERE application_name = 'z4j:control:b' AND wait_event_type = 'Lock'",
      "1");
  EXPECT_OK(
      write.Script("UPDATE liveness SET live_at = '2030-01-01'; "
                   "INSERT INTO outages VALUES ('2029-12-31', '2030-01-01'); COMMIT"));
  raise.join();
  ASSERT_OK(raised);
  EXPECT_EQ(raised->live_at, absl::FromCivil(absl::CivilDay(2030, 1, 1), absl::UTCTimeZone()));
  EXPECT_THAT(raised->outages, SizeIs(1));
}

TEST_F(PostgresClusterTest, AStandbyThatIsReadyHasItsConnectionsAndHasChangedNothing) {
  ASSERT_OK(a_.MarkLive(kOld, At(3)));
  b_.MakeReady();
  const auto connections = [this](const std::string& role) {
    return database_.Query(absl::StrCat(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'z4j:", role, ":b'"));
  };
  EXPECT_EQ(connections("control"), "1");
  EXPECT_EQ(connections("commit"), "2");
  EXPECT_EQ(connections("update"), "1");
  ASSERT_OK_AND_ASSIGN(const FenceRow fence, a_.ReadFence());
  EXPECT_EQ(fence.token, kOld);
  EXPECT_EQ(fence.holder, "a");
  EXPECT_EQ(fence.live_at, At(3));
  b_.MakeReady();
  EXPECT_EQ(connections("control"), "1");
  ASSERT_OK(b_.RaiseFence(kNew, "b"));
  EXPECT_OK(b_.CommitFires(kNew, BatchDue(At(1))));
}

TEST_F(PostgresClusterTest, AStaleLeaderWritesNothing) {
  ASSERT_OK(b_.RaiseFence(kNew, "b"));
  EXPECT_THAT(a_.CommitFires(kOld, BatchDue(At(1))), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(CountFires(), "0");
  EXPECT_EQ(database_.Query("SELECT count(*) FROM outbox_batches"), "0");
  EXPECT_OK(b_.CommitFires(kNew, BatchDue(At(1))));
  EXPECT_THAT(
      a_.UpdateFires(kOld, {UpdateOf(BatchDue(At(1)).fires[0], FireState::kRunning, At(2))}, {1}),
      StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(database_.Query("SELECT state FROM fires"), "1");
  EXPECT_EQ(database_.Query("SELECT count(*) FROM outbox_batches"), "1");
}

TEST_F(PostgresClusterTest, AChangeWakesTheOtherNodes) {
  ASSERT_OK(b_.AwaitChange(absl::Seconds(30)));  // Connects.
  std::thread writer([this] {
    database_.AwaitQuery(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'z4j:listen:b' AND state = 'idle'",
        "1");
    WriteSet write;
    write.updated = {Sample("s").schedule};
    Write(a_, write);
  });
  const MonoTime start = SystemClock().MonoNow();
  EXPECT_OK(b_.AwaitChange(absl::Minutes(1)));
  EXPECT_LT(SystemClock().MonoNow() - start, absl::Seconds(30));
  writer.join();
  EXPECT_THAT(b_.ListChanges(1, 10).value(), SizeIs(1));
}

TEST_F(PostgresClusterTest, GoesOnAfterItsConnectionsWereCut) {
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  ASSERT_OK(a_.GetSchedule({"p", "s"}));
  EXPECT_GE(database_.TerminateBackends("z4j:%:a"), 4);
  EXPECT_OK(a_.CommitFires(kOld, BatchDue(At(2))));
  EXPECT_OK(a_.UpdateFires(kOld, {}, {1}));
  EXPECT_OK(a_.GetSchedule({"p", "s"}));
  EXPECT_OK(a_.MarkLive(kOld, At(3)));
  Write(a_, {});
}

TEST_F(PostgresClusterTest, WhatWasCommittedOutlivesACrashOfTheServer) {
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  PostgresDatabase::RestartServer();
  EXPECT_THAT(a_.LoadPending(0, 10).value(), SizeIs(1));
  EXPECT_EQ(a_.ReadFence()->token, kOld);
  const absl::StatusOr<CommitResult> again = a_.CommitFires(kOld, BatchDue(At(1)));
  ASSERT_OK(again);
  EXPECT_FALSE(again->advanced[0]);
  EXPECT_EQ(CountFires(), "1");
}

TEST_F(PostgresClusterTest, AFireMovesThroughItsStatesWithoutTouchingAnIndex) {
  const Fire fire = BatchDue(At(1)).fires[0];
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  const FireState states[] = {FireState::kDispatched, FireState::kRunning, FireState::kSucceeded};
  for (const FireState state : states) {
    ASSERT_OK(a_.UpdateFires(kOld, {UpdateOf(fire, state, At(2))}, {}));
  }
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(2))));
  database_.TerminateBackends("z4j:%:a");  // A backend that ends reports what it counted.
  const auto hot = [](const std::string& table) {
    return absl::StrCat(
        "SELECT n_tup_upd || ' ' || n_tup_hot_upd FROM pg_stat_user_tables "
        "WHERE relid = '",
        table, "'::regclass");
  };
  database_.AwaitQuery(hot("fires_default"), "3 3");
  database_.AwaitQuery(hot("cursors"), "2 2");
}

TEST_F(PostgresClusterTest, ClosesBatchesThatADeadLeaderForgot) {
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(2))));
  ASSERT_OK(a_.UpdateFires(
      kOld, {UpdateOf(BatchDue(At(1)).fires[0], FireState::kDispatched, At(1))}, {}));
  ASSERT_OK(database_.connection().Script("UPDATE outbox_batches SET created_at = '-infinity'"));
  EXPECT_THAT(a_.LoadPending(0, 1).value(), SizeIs(1));  // Passes over the first batch.
  ASSERT_OK(a_.Prune(kOld, At(0), 10));
  EXPECT_EQ(database_.Query("SELECT count(*) FROM outbox_batches"), "1");
  EXPECT_THAT(a_.LoadPending(0, 10).value(), SizeIs(1));
}

TEST_F(PostgresClusterTest, DropsADayInWhichNoFireIsPending) {
  const absl::Time due = absl::Now() - absl::Hours(24);
  const std::string table =
      absl::StrCat("fires_", absl::FormatTime("%Y%m%d", due, absl::UTCTimeZone()));
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(due)));
  ASSERT_EQ(database_.Query("SELECT count(*) FROM " + table), "1");
  EXPECT_EQ(a_.Prune(kOld, absl::Now() + absl::Hours(1), 10).value(), 0);  // PENDING.
  ASSERT_OK(a_.UpdateFires(
      kOld, {UpdateOf(BatchDue(due).fires[0], FireState::kDispatched, absl::Now())}, {1}));
  EXPECT_EQ(b_.Prune(kOld, absl::Now() + absl::Hours(1), 10).value(), 1);
  EXPECT_EQ(database_.Query(absl::StrCat("SELECT to_regclass('", table, "') IS NULL")), "true");
}

class PostgresSchemaTest : public testing::Test {
 protected:
  PostgresDatabase database_;
  PostgresScheduleStore store_{{database_.conninfo(), "a"}};
};

TEST_F(PostgresSchemaTest, TwoNodesMayMigrateAtOnce) {
  PostgresScheduleStore other({database_.conninfo(), "b"});
  absl::Status first, second;
  std::thread thread([&] { first = other.Migrate(); });
  second = store_.Migrate();
  thread.join();
  EXPECT_OK(first);
  EXPECT_OK(second);
  EXPECT_EQ(database_.Query("SELECT count(*) FROM schema_version"),
            absl::StrCat(PostgresMigrations().size()));
}

TEST_F(PostgresSchemaTest, RefusesANewerSchemaNamingBothVersions) {
  ASSERT_OK(store_.Migrate());
  ASSERT_OK(database_.connection().Script("INSERT INTO schema_version VALUES (99, 'later')"));
  EXPECT_THAT(
      store_.Migrate(),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("99"), HasSubstr(absl::StrCat(PostgresMigrations().size())))));
}

TEST_F(PostgresSchemaTest, AStepThatFailsLeavesTheVersionBeforeIt) {
  const std::vector<Migration> steps = {{"0001", "CREATE TABLE one ()"},
                                        {"0002", "CREATE TABLE two (); SELECT 1/0"}};
  EXPECT_FALSE(RunMigrations(database_.connection(), steps).ok());
  EXPECT_EQ(database_.Query("SELECT max(version) FROM schema_version"), "1");
  EXPECT_EQ(database_.Query("SELECT to_regclass('two') IS NULL"), "true");
}

TEST_F(PostgresSchemaTest, WithoutTablesItSaysThatTheyAreMissing) {
  EXPECT_THAT(store_.GetSchedule({"p", "s"}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(PostgresSchemaTest, ADayWithRowsInTheDefaultPartitionStaysThere) {
  ASSERT_OK(store_.Migrate());
  const std::string today = absl::FormatTime("fires_%Y%m%d", absl::Now(), absl::UTCTimeZone());
  ASSERT_OK(database_.connection().Script(absl::StrCat(
      "DROP TABLE ", today,
      "; INSERT INTO fires (schedule_id, due_at, trigger_id, fire_id, dispatch_after, decided_at,"
      " first_due_at, count, kind, state, reason) SELECT gen_random_uuid(), now(),"
      " gen_random_uuid(), gen_random_uuid(), now(), now(), now(), 1, 1, 4, 0")));
  PostgresScheduleStore other({database_.conninfo(), "b"});
  ASSERT_OK(other.Migrate());
  EXPECT_EQ(database_.Query(absl::StrCat("SELECT to_regclass('", today, "') IS NULL")), "true");
  EXPECT_EQ(database_.Query("SELECT count(*) FROM fires_default"), "1");
}

TEST_F(PostgresClusterTest, AReaderHearsOfATransactionThatOthersOvertook) {
  ASSERT_OK_AND_ASSIGN(const WrittenFires start, b_.ListWritten("", "", 100));
  pq::Connection slow({database_.conninfo(), "z4j:test", "", absl::Seconds(30)});
  ASSERT_OK(slow.Ensure());
  ASSERT_OK(slow.Script(
      "BEGIN; INSERT INTO written_fires (refs) VALUES (decode(repeat('07', 40), 'hex'))"));
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  ASSERT_OK_AND_ASSIGN(const WrittenFires fast, b_.ListWritten(start.next, "", 100));
  ASSERT_THAT(fast.keys, SizeIs(1));
  EXPECT_EQ(fast.keys[0].due_at, At(1));
  ASSERT_OK(slow.Script("COMMIT"));
  // Also for a reader on another node that was told the position.
  for (PostgresScheduleStore* store : {&a_, &b_}) {
    ASSERT_OK_AND_ASSIGN(const WrittenFires late, store->ListWritten(fast.next, "", 100));
    ASSERT_THAT(late.keys, SizeIs(1));
    EXPECT_EQ(late.keys[0].trigger.ToBytes(), std::string(16, '\x07'));
    ASSERT_OK_AND_ASSIGN(const WrittenFires none, store->ListWritten(late.next, "", 100));
    EXPECT_THAT(none.keys, SizeIs(0));
  }
}

TEST_F(PostgresClusterTest, PositionsHoldForAWhileAndAreThenRefused) {
  const auto later = [&] {
    // Others use this server, too.
    database_.AwaitQuery(
        "SELECT pg_snapshot_xmin(pg_current_snapshot()) >"
        " (SELECT coalesce(max(xid::text::bigint), 0) FROM written_fires)::text::xid8",
        "true");
    Forget();
  };
  later();
  ASSERT_OK_AND_ASSIGN(const WrittenFires start, b_.ListWritten("", "", 100));
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  later();  // What there was before `start` may go the next time.
  ASSERT_OK_AND_ASSIGN(const WrittenFires written, b_.ListWritten(start.next, "", 100));
  EXPECT_THAT(written.keys, SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const WrittenFires end, b_.ListWritten("", "", 100));
  later();
  EXPECT_THAT(b_.ListWritten(start.next, "", 100), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(b_.ListWritten(end.next, "", 100));
  EXPECT_EQ(database_.Query("SELECT count(*) FROM written_fires"), "0");
}

TEST_F(PostgresClusterTest, ARestoredDumpWhoseTransactionsWereCountedFurtherIsRead) {
  ASSERT_OK(database_.connection().Script(
      "UPDATE written_fires_kept SET gone_below = '9000000000', next_below = '9000000001';"
      "INSERT INTO written_fires VALUES ('8999999999', 1, decode(repeat('07', 40), 'hex'))"));
  ASSERT_OK_AND_ASSIGN(const WrittenFires start, b_.ListWritten("", "", 100));
  ASSERT_OK(a_.CommitFires(kOld, BatchDue(At(1))));
  ASSERT_OK_AND_ASSIGN(const WrittenFires written, b_.ListWritten(start.next, "", 100));
  ASSERT_THAT(written.keys, SizeIs(1));
  EXPECT_EQ(written.keys[0].due_at, At(1));
  Forget();
  EXPECT_OK(b_.ListWritten(written.next, "", 100));
  EXPECT_EQ(database_.Query("SELECT count(*) FROM written_fires WHERE xid > '8000000000'"), "0");
}

}  // namespace
}  // namespace z4j::scheduler
