#ifndef Z4J_SCHEDULER_STORE_TESTING_FORWARDING_STORE_H_
#define Z4J_SCHEDULER_STORE_TESTING_FORWARDING_STORE_H_

#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Hands every call on to another store.  A test derives from it to count, delay or fail some.
class ForwardingStore : public ScheduleStore {
 public:
  explicit ForwardingStore(ScheduleStore& store) : store_(store) {}  // `store` outlives this.

  absl::Status Migrate() override { return store_.Migrate(); }
  void MakeReady() override { store_.MakeReady(); }
  absl::Status Transact(
      absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
      absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) override {
    return store_.Transact(keys, request_ids, decide);
  }
  absl::StatusOr<StoredSchedule> GetSchedule(const ScheduleKey& key) override {
    return store_.GetSchedule(key);
  }
  absl::StatusOr<SchedulePage> ListSchedules(const ScheduleQuery& query) override {
    return store_.ListSchedules(query);
  }
  absl::StatusOr<int64_t> LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) override {
    return store_.LoadSchedules(visit);
  }
  absl::StatusOr<std::vector<ScheduleChange>> ListChanges(int64_t after, int limit) override {
    return store_.ListChanges(after, limit);
  }
  absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) override {
    return store_.GetCursors(ids);
  }
  absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>> GetDeletedEngines(
      absl::Span<const ScheduleId> ids) override {
    return store_.GetDeletedEngines(ids);
  }
  absl::StatusOr<NamedFire> GetFire(FireId id) override { return store_.GetFire(id); }
  absl::StatusOr<std::vector<NamedFire>> GetFires(absl::Span<const FireKey> keys) override {
    return store_.GetFires(keys);
  }
  absl::StatusOr<FirePage> ListFires(const FireQuery& query) override {
    return store_.ListFires(query);
  }
  absl::StatusOr<WrittenFires> ListWritten(const std::string& after, const std::string& until,
                                           int limit) override {
    return store_.ListWritten(after, until, limit);
  }
  absl::StatusOr<std::map<ScheduleState, int64_t>> CountSchedules() override {
    return store_.CountSchedules();
  }
  absl::StatusOr<AuditHead> GetAuditHead() override { return store_.GetAuditHead(); }
  absl::StatusOr<std::vector<AuditEntry>> ListAudit(int64_t after, int limit) override {
    return store_.ListAudit(after, limit);
  }
  absl::Status AwaitChange(absl::Duration timeout) override { return store_.AwaitChange(timeout); }
  absl::StatusOr<FenceRow> ReadFence() override { return store_.ReadFence(); }
  absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) override {
    return store_.RaiseFence(token, holder);
  }
  absl::Status MarkLive(FencingToken token, absl::Time at) override {
    return store_.MarkLive(token, at);
  }
  absl::Status SetOutages(FencingToken token, absl::Span<const Outage> outages,
                          absl::Time at) override {
    return store_.SetOutages(token, outages, at);
  }
  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override {
    return store_.CommitFires(token, batch);
  }
  absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override {
    return store_.UpdateFires(token, updates, closed);
  }
  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) override {
    return store_.LoadPending(after_batch, limit);
  }
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override {
    return store_.LoadOpen(schedules);
  }
  absl::StatusOr<UnendedPage> LoadUnended(const FireKey& before, absl::Time since,
                                          int rows) override {
    return store_.LoadUnended(before, since, rows);
  }
  absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) override {
    return store_.Prune(token, before, limit);
  }

 private:
  ScheduleStore& store_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_TESTING_FORWARDING_STORE_H_
