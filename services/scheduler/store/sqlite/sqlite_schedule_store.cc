#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/sqlite/fence.h"
#include "services/scheduler/store/sqlite/migrations.h"
#include "services/scheduler/store/write_checks.h"

// Opening, the schema and the fence.  Mutations, fires and reads have files of their own.
namespace z4j::scheduler {
namespace {

using sqlite::Connection;

// Payloads may be private, so nobody else reads them.  SQLite gives its log the file's mode.
absl::Status CreateFile(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty() && !std::filesystem::exists(folder, error)) {
    std::filesystem::create_directories(folder, error);
    if (!error) {
      std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot create the folder ", folder.string(), ": ", error.message()));
    }
  }
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  close(descriptor);
  return absl::OkStatus();
}

// FULL: the log is synced at every commit, not only at checkpoints.  A log of up to 32 MiB before
// a checkpoint lets a page that many commits touch be written to the file once.
constexpr char kWriterSetup[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;"
    "PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864;"
    "PRAGMA temp_store = MEMORY;";

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteScheduleStore>> SqliteScheduleStore::Open(
    const SqliteOptions& options, Clock& clock) {
  RETURN_IF_ERROR(CreateFile(options.path));
  ASSIGN_OR_RETURN(std::unique_ptr<sqlite::FileLock> lock,
                   sqlite::FileLock::Take(options.path + ".lock"));
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> writer,
                   Connection::Open(options.path, /*read_only=*/false));
  RETURN_IF_ERROR(writer->Exec(kWriterSetup));
  if (options.pages_max > 0) {
    RETURN_IF_ERROR(writer->Exec(absl::StrCat("PRAGMA max_page_count = ", options.pages_max)));
  }
  return std::unique_ptr<SqliteScheduleStore>(
      new SqliteScheduleStore(std::move(lock), std::move(writer), clock));
}

absl::Status SqliteScheduleStore::Migrate() {
  absl::MutexLock lock(&writer_mu_);
  return sqlite::RunMigrations(*writer_, SqliteMigrations());
}

absl::Status SqliteScheduleStore::AwaitChange(absl::Duration timeout) {
  changed_.Await(timeout);
  return absl::OkStatus();
}

absl::StatusOr<FenceRow> SqliteScheduleStore::ReadFence() {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(sqlite::Transaction view, reader->Begin());
  ASSIGN_OR_RETURN(FenceRow row, sqlite::ReadFenceRow(*reader));
  ASSIGN_OR_RETURN(row.outages, sqlite::ReadOutages(*reader));
  row.read_at = clock_.Now();
  return row;
}

absl::StatusOr<FenceRow> SqliteScheduleStore::RaiseFence(FencingToken token,
                                                         const std::string& holder) {
  absl::MutexLock lock(&writer_mu_);
  ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
  ASSIGN_OR_RETURN(FenceRow old, sqlite::ReadFenceRow(*writer_));
  RETURN_IF_ERROR(CheckRaise(old, token, holder));
  ASSIGN_OR_RETURN(old.outages, sqlite::ReadOutages(*writer_));
  old.read_at = clock_.Now();
  {
    ASSIGN_OR_RETURN(sqlite::Statement raise,
                     writer_->Prepare("UPDATE fence SET token = ?, holder = ?"));
    RETURN_IF_ERROR(raise.BindInt(token.value).BindText(holder).Run().status());
  }
  RETURN_IF_ERROR(transaction.Commit());
  return old;
}

absl::Status SqliteScheduleStore::MarkLive(FencingToken token, absl::Time at) {
  absl::MutexLock lock(&writer_mu_);
  ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
  RETURN_IF_ERROR(sqlite::HoldFence(*writer_, token, std::min(at, clock_.Now())));
  return transaction.Commit();
}

absl::Status SqliteScheduleStore::SetOutages(FencingToken token, absl::Span<const Outage> outages,
                                             absl::Time at) {
  absl::MutexLock lock(&writer_mu_);
  ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
  RETURN_IF_ERROR(sqlite::HoldFence(*writer_, token, std::min(at, clock_.Now())));
  RETURN_IF_ERROR(sqlite::WriteOutages(*writer_, outages));
  return transaction.Commit();
}

}  // namespace z4j::scheduler
