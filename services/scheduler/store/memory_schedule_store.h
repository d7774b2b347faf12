#ifndef Z4J_SCHEDULER_STORE_MEMORY_SCHEDULE_STORE_H_
#define Z4J_SCHEDULER_STORE_MEMORY_SCHEDULE_STORE_H_

#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/scheduler/store/change_signal.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// The whole seam over maps, for tests and simulations: it forgets everything when it goes.
class MemoryScheduleStore final : public ScheduleStore {
 public:
  explicit MemoryScheduleStore(Clock& clock) : clock_(clock) {}

  absl::Status Migrate() override { return absl::OkStatus(); }
  absl::Status Transact(absl::Span<const ScheduleKey> keys,
                        absl::Span<const std::string> request_ids,
                        absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<StoredSchedule> GetSchedule(const ScheduleKey& key) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<SchedulePage> ListSchedules(const ScheduleQuery& query) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<ScheduleChange>> ListChanges(int64_t after, int limit) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>> GetDeletedEngines(
      absl::Span<const ScheduleId> ids) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<NamedFire> GetFire(FireId id) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<NamedFire>> GetFires(absl::Span<const FireKey> keys) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<FirePage> ListFires(const FireQuery& query) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<WrittenFires> ListWritten(const std::string& after, const std::string& until,
                                           int limit) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::map<ScheduleState, int64_t>> CountSchedules() override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<AuditHead> GetAuditHead() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<AuditEntry>> ListAudit(int64_t after, int limit) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AwaitChange(absl::Duration timeout) override;
  absl::StatusOr<FenceRow> ReadFence() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status MarkLive(FencingToken token, absl::Time at) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status SetOutages(FencingToken token, absl::Span<const Outage> outages,
                          absl::Time at) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<UnendedPage> LoadUnended(const FireKey& before, absl::Time since,
                                          int rows) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using ByDue = std::tuple<absl::Time, ScheduleId, Uuid>;       // Due time, schedule, trigger.
  using BySchedule = std::tuple<ScheduleId, absl::Time, Uuid>;  // Schedule, due time, trigger.
  struct FireRow {
    Fire fire;
    int64_t batch_id = 0;
  };

  static ByDue DueOf(const FireKey& key) { return {key.due_at, key.schedule, key.trigger}; }
  static BySchedule ScheduleOf(const FireKey& key) {
    return {key.schedule, key.due_at, key.trigger};
  }

  // What makes a write set refused, found before anything is written.
  absl::Status CheckWrite(const WriteSet& write) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Write(const WriteSet& write) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  FenceRow Fence() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Delete(const ScheduleKey& key, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  StoredSchedule* FindSchedule(ScheduleId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes `fire` unless its key exists.
  void Insert(const Fire& fire, int64_t batch_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  FireRow* FindFire(const FireKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Cancel(FireRow& row, FireReason reason, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Update(const FireUpdate& update) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // In the order in which readers see it, since each transaction holds the lock.
  void NoteWritten(const FireKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Selects(const FireQuery& query, const Fire& fire) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  ChangeSignal changed_;

  absl::Mutex mu_;
  std::map<ScheduleKey, StoredSchedule> schedules_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<ScheduleId, ScheduleKey> keys_ ABSL_GUARDED_BY(mu_);  // Deleted ones too.
  absl::flat_hash_map<ScheduleId, std::string> deleted_engines_ ABSL_GUARDED_BY(mu_);
  std::map<ByDue, FireRow> fires_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<FireId, FireKey> fire_keys_ ABSL_GUARDED_BY(mu_);
  std::set<BySchedule> open_ ABSL_GUARDED_BY(mu_);  // Fires that are not final.
  int64_t last_batch_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<std::pair<absl::Time, FireKey>> written_ ABSL_GUARDED_BY(mu_);  // The newest,
  int64_t written_gone_ ABSL_GUARDED_BY(mu_) = 0;                            // and how many before.
  std::vector<AuditEntry> audit_ ABSL_GUARDED_BY(mu_);
  AuditHead head_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, StoredRequest> requests_ ABSL_GUARDED_BY(mu_);
  FenceRow fence_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_MEMORY_SCHEDULE_STORE_H_
