#ifndef Z4J_SCHEDULER_STORE_TESTING_FAULTY_STORE_H_
#define Z4J_SCHEDULER_STORE_TESTING_FAULTY_STORE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// A store whose calls may fail, before or after they took effect, as a test wishes.
class FaultyStore final : public ScheduleStore {
 public:
  // Asked before and after each call that is listed below as Faulty; an error is returned in place
  // of the answer.  Before: nothing happened.  After: it did, and the caller does not know.
  using Fault = std::function<absl::Status(const std::string& op, bool after)>;

  explicit FaultyStore(ScheduleStore& store) : store_(store) {}
  void set_fault(Fault fault) { fault_ = std::move(fault); }
  // Sees each batch of fires before it is committed.
  void set_on_commit(std::function<absl::Status(const FireBatch&)> hook) {
    on_commit_ = std::move(hook);
  }

  // Sees each batch of updates before it is written.
  using OnUpdate =
      std::function<absl::Status(absl::Span<const FireUpdate>, absl::Span<const int64_t> closed)>;
  void set_on_update(OnUpdate hook) { on_update_ = std::move(hook); }

  absl::Status Migrate() override { return store_.Migrate(); }
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
    return Faulty<absl::StatusOr<int64_t>>("load_schedules",
                                           [&] { return store_.LoadSchedules(visit); });
  }
  absl::StatusOr<std::vector<ScheduleChange>> ListChanges(int64_t after, int limit) override {
    return Faulty<absl::StatusOr<std::vector<ScheduleChange>>>(
        "list_changes", [&] { return store_.ListChanges(after, limit); });
  }
  absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) override {
    return Faulty<absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>>>(
        "get_cursors", [&] { return store_.GetCursors(ids); });
  }
  absl::StatusOr<NamedFire> GetFire(FireId id) override { return store_.GetFire(id); }
  absl::StatusOr<FirePage> ListFires(const FireQuery& query) override {
    return store_.ListFires(query);
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
    return Faulty<absl::StatusOr<FenceRow>>("raise_fence",
                                            [&] { return store_.RaiseFence(token, holder); });
  }
  absl::Status MarkLive(FencingToken token, absl::Time at) override {
    return Faulty<absl::Status>("mark_live", [&] { return store_.MarkLive(token, at); });
  }
  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override {
    if (absl::Status status = on_commit_(batch); !status.ok()) return status;
    return Faulty<absl::StatusOr<CommitResult>>("commit_fires",
                                                [&] { return store_.CommitFires(token, batch); });
  }
  absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override {
    if (absl::Status status = on_update_(updates, closed); !status.ok()) return status;
    return Faulty<absl::Status>("update_fires",
                                [&] { return store_.UpdateFires(token, updates, closed); });
  }
  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) override {
    return Faulty<absl::StatusOr<std::vector<PendingFire>>>(
        "load_pending", [&] { return store_.LoadPending(after_batch, limit); });
  }
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override {
    return Faulty<absl::StatusOr<std::vector<Fire>>>("load_open",
                                                     [&] { return store_.LoadOpen(schedules); });
  }
  absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) override {
    return Faulty<absl::StatusOr<int64_t>>("prune",
                                           [&] { return store_.Prune(token, before, limit); });
  }

 private:
  template <typename Result, typename Call>
  Result Faulty(const std::string& op, Call call) {
    if (absl::Status status = fault_(op, false); !status.ok()) return status;
    Result result = call();
    if (absl::Status status = fault_(op, true); !status.ok()) return status;
    return result;
  }

  ScheduleStore& store_;
  Fault fault_ = [](const std::string&, bool) { return absl::OkStatus(); };
  std::function<absl::Status(const FireBatch&)> on_commit_ = [](const FireBatch&) {
    return absl::OkStatus();
  };
  OnUpdate on_update_ = [](absl::Span<const FireUpdate>, absl::Span<const int64_t>) {
    return absl::OkStatus();
  };
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_TESTING_FAULTY_STORE_H_
