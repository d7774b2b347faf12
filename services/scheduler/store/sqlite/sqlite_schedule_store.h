#ifndef Z4J_SCHEDULER_STORE_SQLITE_SQLITE_SCHEDULE_STORE_H_
#define Z4J_SCHEDULER_STORE_SQLITE_SQLITE_SCHEDULE_STORE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/scheduler/store/change_signal.h"
#include "services/scheduler/store/schedule_store.h"
#include "services/scheduler/store/sqlite/file_lock.h"
#include "services/scheduler/store/sqlite/reader_pool.h"
#include "services/scheduler/store/sqlite/sqlite.h"

namespace z4j::scheduler {

struct SqliteOptions {
  std::string path;       // Created with its folder (mode 0700; the file 0600) if it is not there.
  int64_t pages_max = 0;  // Bound of the file's size in pages of 4 KiB; 0: the disk's.
};

// One file, one process (guarded by a lock on "<path>.lock"), no set-up.  Every write is one
// transaction with an fsync of the write-ahead log before it returns (journal_mode WAL,
// synchronous FULL): what was answered survives a loss of power.  One connection writes, at most
// kSqliteReadersMax read beside it, each the last commit.
class SqliteScheduleStore final : public ScheduleStore {
 public:
  // FAILED_PRECONDITION if another process has the database open, or it cannot be created;
  // DATA_LOSS if it is no database.  Migrate() comes next.  `clock` outlives the store.
  static absl::StatusOr<std::unique_ptr<SqliteScheduleStore>> Open(const SqliteOptions& options,
                                                                   Clock& clock);

  absl::Status Migrate() override ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::Status Transact(absl::Span<const ScheduleKey> keys,
                        absl::Span<const std::string> request_ids,
                        absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) override
      ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::StatusOr<StoredSchedule> GetSchedule(const ScheduleKey& key) override;
  absl::StatusOr<SchedulePage> ListSchedules(const ScheduleQuery& query) override;
  absl::StatusOr<int64_t> LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) override;
  absl::StatusOr<std::vector<ScheduleChange>> ListChanges(int64_t after, int limit) override;
  absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) override;
  absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>> GetDeletedEngines(
      absl::Span<const ScheduleId> ids) override;
  absl::StatusOr<NamedFire> GetFire(FireId id) override;
  absl::StatusOr<std::vector<NamedFire>> GetFires(absl::Span<const FireKey> keys) override;
  absl::StatusOr<FirePage> ListFires(const FireQuery& query) override;
  absl::StatusOr<WrittenFires> ListWritten(const std::string& after, const std::string& until,
                                           int limit) override;
  absl::StatusOr<std::map<ScheduleState, int64_t>> CountSchedules() override;
  absl::StatusOr<AuditHead> GetAuditHead() override;
  absl::StatusOr<std::vector<AuditEntry>> ListAudit(int64_t after, int limit) override;
  absl::Status AwaitChange(absl::Duration timeout) override;
  absl::StatusOr<FenceRow> ReadFence() override;
  absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) override
      ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::Status MarkLive(FencingToken token, absl::Time at) override ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::Status SetOutages(FencingToken token, absl::Span<const Outage> outages,
                          absl::Time at) override ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override
      ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override
      ABSL_LOCKS_EXCLUDED(writer_mu_);
  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) override;
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override;
  absl::StatusOr<UnendedPage> LoadUnended(const FireKey& before, absl::Time since,
                                          int rows) override;
  absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) override
      ABSL_LOCKS_EXCLUDED(writer_mu_);

 private:
  SqliteScheduleStore(std::unique_ptr<sqlite::FileLock> lock,
                      std::unique_ptr<sqlite::Connection> writer, Clock& clock)
      : clock_(clock),
        lock_(std::move(lock)),
        readers_(writer->path()),
        writer_(std::move(writer)) {}

  Clock& clock_;
  const std::unique_ptr<sqlite::FileLock> lock_;  // Released last.
  ChangeSignal changed_;
  sqlite::ReaderPool readers_;

  // Held for whole transactions: the database has one writer anyway, and queueing here is fair.
  absl::Mutex writer_mu_;
  const std::unique_ptr<sqlite::Connection> writer_ ABSL_PT_GUARDED_BY(writer_mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_SQLITE_SQLITE_SCHEDULE_STORE_H_
