#ifndef Z4J_SCHEDULER_STORE_POSTGRES_POSTGRES_SCHEDULE_STORE_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_POSTGRES_SCHEDULE_STORE_H_

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/store/postgres/listener.h"
#include "services/scheduler/store/postgres/partitions.h"
#include "services/scheduler/store/postgres/pq_pool.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// The store on PostgreSQL 14 or newer, shared by all nodes of a cluster.  The tables are described
// in store/migrations/postgres.
//
// Every leader write is one round trip and one transaction that begins with require_leader(), which
// keeps the fence FOR SHARE (law 3).  Kinds of work have connections of their own, opened when
// first needed, so that none waits behind another; up to 12 in all.
class PostgresScheduleStore final : public ScheduleStore {
 public:
  struct Options {
    std::string conninfo;  // libpq's.
    std::string holder;    // Name of this node, for pg_stat_activity: "z4j:commit:<holder>".
  };
  explicit PostgresScheduleStore(const Options& options);

  absl::Status Migrate() override;

  absl::Status Transact(
      absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
      absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) override;

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

  // Returns at once when it had to connect anew, because a change may have been missed.
  absl::Status AwaitChange(absl::Duration timeout) override;

  absl::StatusOr<FenceRow> ReadFence() override;
  // Dials what leaders use, and has the database plan their statements.
  void MakeReady() override;
  // Waits for leader writes under way, at most kStoreTimeout; then it also readies the writing
  // connections, unless MakeReady() has, so that the first burst does not find them cold.
  absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) override;
  absl::Status MarkLive(FencingToken token, absl::Time at) override;
  absl::Status SetOutages(FencingToken token, absl::Span<const Outage> outages,
                          absl::Time at) override;

  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override;
  absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override;

  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) override;
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override;

  // Also makes the partitions of the days to come, and closes batches without PENDING fires that
  // no leader closed.
  absl::StatusOr<UnendedPage> LoadUnended(const FireKey& before, absl::Time since,
                                          int rows) override;
  absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) override;

 private:
  // Run what writes fires once with nothing to write, and what reads the PENDING ones; prepare what
  // raises the fence.
  void WarmUp();
  void WarmUpFence();
  void WarmUpUpdates();
  void WarmUpReads();
  // Forgets what was written before more than kWrittenKept.
  absl::Status PruneWritten(pq::Connection& connection, FencingToken token);
  // Notes that so many schedules were added.  Whether PostgreSQL should look at their tables again:
  // plans that it made when these were small, and keeps, would walk through all of a project.
  bool HasGrown(int64_t inserted);

  std::atomic<bool> ready_ = false;  // MakeReady() was called.
  std::atomic<int64_t> inserted_ = 0, analyze_at_ = 500;
  pq::Pool commit_, update_, mutate_, control_, lookup_, read_, maintain_;
  Partitions partitions_;
  Listener listener_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_POSTGRES_SCHEDULE_STORE_H_
