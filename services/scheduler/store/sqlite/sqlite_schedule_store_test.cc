#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/base/testing/simulated_clock.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"
#include "services/scheduler/store/sqlite/migrations.h"
#include "services/scheduler/store/sqlite/testing/temporary_folder.h"

// Stands before the C library's, which SQLite calls to make a commit durable, and counts.
static std::atomic<int> syncs = 0;
extern "C" int fdatasync(int descriptor) {
  ++syncs;
  return static_cast<int>(syscall(SYS_fdatasync, descriptor));
}

namespace z4j::scheduler {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class SqliteScheduleStoreTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SqliteScheduleStore>> Open(int64_t pages_max = 0) {
    return SqliteScheduleStore::Open({.path = path_, .pages_max = pages_max}, clock_);
  }
  std::unique_ptr<SqliteScheduleStore> OpenAndMigrate(int64_t pages_max = 0) {
    auto store = Open(pages_max);
    EXPECT_OK(store);
    if (!store.ok()) return nullptr;
    EXPECT_OK((*store)->Migrate());
    return *std::move(store);
  }
  // One schedule of about `bytes`, in a transaction of its own.
  static absl::Status Insert(ScheduleStore& store, const std::string& name, int bytes = 0) {
    return store.Transact({}, {}, [&](const ReadSet&) {
      WriteSet write;
      write.inserted = {Sample(name)};
      write.inserted[0].schedule.description = std::string(bytes, 'd');
      return write;
    });
  }
  // What a second connection, without the store, gets for `sql`.
  absl::StatusOr<std::string> Ask(const std::string& sql) {
    absl::StatusOr<std::unique_ptr<sqlite::Connection>> db =
        sqlite::Connection::Open(path_, /*read_only=*/false);
    if (!db.ok()) return db.status();
    absl::StatusOr<sqlite::Statement> statement = (*db)->Prepare(sql);
    if (!statement.ok()) return statement.status();
    absl::StatusOr<bool> row = statement->Step();
    if (!row.ok()) return row.status();
    return *row ? statement->Text(0) : "";
  }

  sqlite::TemporaryFolder folder_;
  std::string path_ = folder_.NewPath();
  SimulatedClock clock_{At(100)};
};

TEST_F(SqliteScheduleStoreTest, KeepsEverythingWhenItIsOpenedAgain) {
  const Fire fire = AutomaticFire(Sample("a").schedule.id, At(1));
  {
    auto store = OpenAndMigrate();
    ASSERT_OK(Insert(*store, "a"));
    ASSERT_OK(store->RaiseFence({3}, "node-1"));
    FireBatch batch;
    batch.fires = {fire};
    batch.cursors = {{.schedule = fire.key.schedule, .cursor = {At(1), 1}}};
    ASSERT_OK(store->CommitFires({3}, batch));
  }
  auto store = OpenAndMigrate();
  EXPECT_EQ(store->GetSchedule({"p", "a"})->cursor, (Cursor{At(1), 1}));
  EXPECT_EQ(store->GetFire(fire.id)->fire, fire);
  EXPECT_EQ(store->ReadFence()->token.value, 3);
  EXPECT_EQ(store->ReadFence()->live_at, At(100));
}

TEST_F(SqliteScheduleStoreTest, PositionsHoldForAWhileAlsoOverARestart) {
  const Fire fire = AutomaticFire(Sample("a").schedule.id, At(1));
  auto store = OpenAndMigrate();
  ASSERT_OK(Insert(*store, "a"));
  ASSERT_OK(store->RaiseFence({3}, "node-1"));
  ASSERT_OK_AND_ASSIGN(const WrittenFires before, store->ListWritten("", "", 10));
  FireBatch batch;
  batch.fires = {fire};
  batch.cursors = {{.schedule = fire.key.schedule, .cursor = {At(1), 1}}};
  ASSERT_OK(store->CommitFires({3}, batch));
  store.reset();
  store = OpenAndMigrate();
  ASSERT_OK_AND_ASSIGN(const WrittenFires written, store->ListWritten(before.next, "", 10));
  EXPECT_EQ(written.keys, std::vector<FireKey>{fire.key});
  clock_.Advance(kWrittenKept + absl::Seconds(1));
  FireUpdate update;
  update.key = fire.key;
  update.at = At(2);
  ASSERT_OK(store->UpdateFires({3}, {update}, {}));
  ASSERT_OK(store->Prune({3}, At(0), 10));
  EXPECT_THAT(store->ListWritten(before.next, "", 10), StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK_AND_ASSIGN(const WrittenFires rest, store->ListWritten(written.next, "", 10));
  EXPECT_EQ(rest.keys, std::vector<FireKey>{fire.key});
}

TEST_F(SqliteScheduleStoreTest, MakesItsFolderAndKeepsOthersOut) {
  path_ = folder_.path() + "/new/deep/z4j.db";
  auto store = OpenAndMigrate();
  ASSERT_OK(Insert(*store, "a"));
  struct stat file, log, folder;
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  ASSERT_EQ(stat((path_ + "-wal").c_str(), &log), 0);
  ASSERT_EQ(stat((folder_.path() + "/new/deep").c_str(), &folder), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600);
  EXPECT_EQ(log.st_mode & 0777, 0600);
  EXPECT_EQ(folder.st_mode & 0777, 0700);
}

TEST_F(SqliteScheduleStoreTest, SyncsEveryCommitBeforeItReturns) {
  auto store = OpenAndMigrate();
  for (int i = 0; i < 3; ++i) {
    const int before = syncs;
    ASSERT_OK(Insert(*store, absl::StrCat("s", i)));
    EXPECT_GT(syncs, before);
  }
}

TEST_F(SqliteScheduleStoreTest, ASecondStoreOnTheSameFileIsRefusedWithTheHolder) {
  auto store = OpenAndMigrate();
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr(".lock is locked"),
                                     HasSubstr(absl::StrCat("process ", getpid())))));
  store.reset();
  EXPECT_OK(Open());
}

TEST_F(SqliteScheduleStoreTest, RefusesASchemaThatIsNewerAndNamesBothVersions) {
  OpenAndMigrate().reset();
  ASSERT_OK(Ask("PRAGMA user_version = 99"));
  auto store = Open();
  ASSERT_OK(store);
  EXPECT_THAT((*store)->Migrate(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("version 99"),
                             HasSubstr(absl::StrCat("only ", SqliteMigrations().size())))));
  EXPECT_EQ(Ask("PRAGMA user_version").value(), "99");
}

TEST_F(SqliteScheduleStoreTest, RefusesTheDatabaseOfAnotherProgram) {
  std::ofstream(path_).flush();
  ASSERT_OK(Ask("CREATE TABLE theirs (a)"));
  auto store = Open();
  ASSERT_OK(store);
  EXPECT_THAT((*store)->Migrate(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another program")));
}

TEST_F(SqliteScheduleStoreTest, AMigrationThatFailsChangesNothing) {
  OpenAndMigrate().reset();
  ASSERT_OK_AND_ASSIGN(auto db, sqlite::Connection::Open(path_, false));
  std::vector<Migration> steps(SqliteMigrations().begin(), SqliteMigrations().end());
  steps.push_back({"two", "CREATE TABLE two (a)"});
  steps.push_back({"three", "CREATE TABLE three (a); INSERT INTO nowhere VALUES (1)"});
  EXPECT_THAT(sqlite::RunMigrations(*db, steps), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Ask("SELECT count(*) FROM sqlite_schema WHERE name IN ('two', 'three')").value(), "0");
  steps.pop_back();
  ASSERT_OK(sqlite::RunMigrations(*db, steps));
  EXPECT_EQ(Ask("PRAGMA user_version").value(), absl::StrCat(steps.size()));
}

TEST_F(SqliteScheduleStoreTest, AFileThatIsNoDatabaseIsDataLoss) {
  std::ofstream(path_) << std::string(8192, 'x');
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SqliteScheduleStoreTest, DamagedPagesAreDataLossAndNotAWrongAnswer) {
  {
    auto store = OpenAndMigrate();
    for (int i = 0; i < 200; ++i) ASSERT_OK(Insert(*store, absl::StrCat("s", i), 2000));
  }
  const auto size = std::filesystem::file_size(path_);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    for (uintmax_t at = 40 * 4096; at + 4096 <= size; at += 4096) {
      file.seekp(static_cast<std::streamoff>(at));
      file << std::string(64, '\xa5');
    }
  }
  auto store = Open();
  ASSERT_OK(store);
  EXPECT_THAT((*store)->LoadSchedules([](StoredSchedule) {}),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SqliteScheduleStoreTest, ADefinitionThatCannotBeReadIsDataLoss) {
  auto store = OpenAndMigrate();
  ASSERT_OK(Insert(*store, "a"));
  ASSERT_OK(Ask("UPDATE schedules SET definition = '{\"zeal\":1}'"));
  EXPECT_THAT(store->GetSchedule({"p", "a"}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store->LoadSchedules([](StoredSchedule) {}), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SqliteScheduleStoreTest, AuditEntriesCannotBeChangedOrDeleted) {
  auto store = OpenAndMigrate();
  ASSERT_OK(store->Transact({}, {}, [](const ReadSet&) {
    WriteSet write;
    write.audit.resize(1);
    write.audit[0].seq = write.head.seq = 1;
    return write;
  }));
  EXPECT_FALSE(Ask("UPDATE audit_entries SET actor = 'x'").ok());
  EXPECT_FALSE(Ask("DELETE FROM audit_entries").ok());
}

TEST_F(SqliteScheduleStoreTest, AFullDatabaseSaysSoLosesNothingAndGoesOnWhenThereIsRoom) {
  int written = 0;
  {
    auto store = OpenAndMigrate(/*pages_max=*/200);
    absl::Status status;
    while ((status = Insert(*store, absl::StrCat("s", written), 20'000)).ok()) ++written;
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("full")));
    EXPECT_GT(written, 5);
    EXPECT_THAT(store->GetSchedule({"p", absl::StrCat("s", written)}),
                StatusIs(absl::StatusCode::kNotFound));
    EXPECT_OK(store->GetSchedule({"p", "s0"}));   // Reads go on,
    EXPECT_OK(store->RaiseFence({1}, "node-1"));  // and so do writes that need no room.
    EXPECT_EQ(Ask("PRAGMA integrity_check").value(), "ok");
  }
  auto store = OpenAndMigrate();
  for (int i = 0; i < 5; ++i) ASSERT_OK(Insert(*store, absl::StrCat("s", written++), 20'000));
  int loaded = 0;
  ASSERT_OK(store->LoadSchedules([&](StoredSchedule) { ++loaded; }));
  EXPECT_EQ(loaded, written);
  EXPECT_EQ(Ask("PRAGMA integrity_check").value(), "ok");
}

// Bounds how large this process may make a file, as a full disk or a quota would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit now = old_;
    now.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_;
};

TEST_F(SqliteScheduleStoreTest, AWriteThatTheSystemRefusesIsAnErrorAndTheNextOneWorks) {
  auto store = OpenAndMigrate();
  ASSERT_OK(Insert(*store, "before"));
  {
    FileSizeLimit limit(std::filesystem::file_size(path_ + "-wal"));
    const absl::Status status = Insert(*store, "during", 20'000);
    EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) << status;
    EXPECT_OK(store->GetSchedule({"p", "before"}));
  }
  EXPECT_THAT(store->GetSchedule({"p", "during"}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(Insert(*store, "after", 20'000));
  EXPECT_EQ(Ask("PRAGMA integrity_check").value(), "ok");
}

TEST_F(SqliteScheduleStoreTest, ReadersSeeWholeCommitsWhileTheWriterWorks) {
  auto store = OpenAndMigrate();
  ASSERT_OK(Insert(*store, "a"));
  ASSERT_OK(store->RaiseFence({1}, "node-1"));
  constexpr int kCommits = 200;
  std::thread writer([&] {
    for (int i = 1; i <= kCommits; ++i) {
      FireBatch batch;
      batch.fires = {AutomaticFire(Sample("a").schedule.id, At(i / 10.0)),
                     AutomaticFire(Sample("a").schedule.id, At(i / 10.0 + 0.05))};
      batch.cursors = {
          {.schedule = Sample("a").schedule.id, .cursor = {At(i / 10.0 + 0.05), 2 * i}}};
      ASSERT_OK(store->CommitFires({1}, batch));
    }
  });
  size_t seen = 0;
  while (seen < 2 * kCommits) {
    ASSERT_OK_AND_ASSIGN(const std::vector<PendingFire> pending, store->LoadPending(0, 10'000));
    ASSERT_EQ(pending.size() % 2, 0) << "half a commit";
    ASSERT_GE(pending.size(), seen);
    seen = pending.size();
  }
  writer.join();
}

TEST_F(SqliteScheduleStoreTest, MoreReadersThanConnectionsWaitForOne) {
  auto store = OpenAndMigrate();
  ASSERT_OK(Insert(*store, "a"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 2 * kSqliteReadersMax; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) EXPECT_OK(store->GetSchedule({"p", "a"}));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace z4j::scheduler
