#ifndef Z4J_SCHEDULER_STORE_TESTING_FAULTY_STORE_H_
#define Z4J_SCHEDULER_STORE_TESTING_FAULTY_STORE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/store/testing/forwarding_store.h"

namespace z4j::scheduler {

// A store whose calls may fail, before or after they took effect, as a test wishes.
class FaultyStore final : public ForwardingStore {
 public:
  // Asked before and after each call that is listed below as Faulty; an error is returned in place
  // of the answer.  Before: nothing happened.  After: it did, and the caller does not know.
  using Fault = std::function<absl::Status(const std::string& op, bool after)>;

  using ForwardingStore::ForwardingStore;
  void set_fault(Fault fault) { fault_ = std::move(fault); }
  // Sees each batch of fires before it is committed.
  void set_on_commit(std::function<absl::Status(const FireBatch&)> hook) {
    on_commit_ = std::move(hook);
  }

  // Sees each batch of updates before it is written.
  using OnUpdate =
      std::function<absl::Status(absl::Span<const FireUpdate>, absl::Span<const int64_t> closed)>;
  void set_on_update(OnUpdate hook) { on_update_ = std::move(hook); }

  absl::StatusOr<int64_t> LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) override {
    return Faulty<absl::StatusOr<int64_t>>("load_schedules",
                                           [&] { return ForwardingStore::LoadSchedules(visit); });
  }
  absl::StatusOr<std::vector<ScheduleChange>> ListChanges(int64_t after, int limit) override {
    return Faulty<absl::StatusOr<std::vector<ScheduleChange>>>(
        "list_changes", [&] { return ForwardingStore::ListChanges(after, limit); });
  }
  absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) override {
    return Faulty<absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>>>(
        "get_cursors", [&] { return ForwardingStore::GetCursors(ids); });
  }
  absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) override {
    return Faulty<absl::StatusOr<FenceRow>>(
        "raise_fence", [&] { return ForwardingStore::RaiseFence(token, holder); });
  }
  absl::Status MarkLive(FencingToken token, absl::Time at) override {
    return Faulty<absl::Status>("mark_live", [&] { return ForwardingStore::MarkLive(token, at); });
  }
  absl::Status SetOutages(FencingToken token, absl::Span<const Outage> outages,
                          absl::Time at) override {
    return Faulty<absl::Status>("set_outages",
                                [&] { return ForwardingStore::SetOutages(token, outages, at); });
  }
  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override {
    if (absl::Status status = on_commit_(batch); !status.ok()) return status;
    return Faulty<absl::StatusOr<CommitResult>>(
        "commit_fires", [&] { return ForwardingStore::CommitFires(token, batch); });
  }
  absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override {
    if (absl::Status status = on_update_(updates, closed); !status.ok()) return status;
    return Faulty<absl::Status>(
        "update_fires", [&] { return ForwardingStore::UpdateFires(token, updates, closed); });
  }
  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) override {
    return Faulty<absl::StatusOr<std::vector<PendingFire>>>(
        "load_pending", [&] { return ForwardingStore::LoadPending(after_batch, limit); });
  }
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override {
    return Faulty<absl::StatusOr<std::vector<Fire>>>(
        "load_open", [&] { return ForwardingStore::LoadOpen(schedules); });
  }
  absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) override {
    return Faulty<absl::StatusOr<int64_t>>(
        "prune", [&] { return ForwardingStore::Prune(token, before, limit); });
  }

 private:
  template <typename Result, typename Call>
  Result Faulty(const std::string& op, Call call) {
    if (absl::Status status = fault_(op, false); !status.ok()) return status;
    Result result = call();
    if (absl::Status status = fault_(op, true); !status.ok()) return status;
    return result;
  }

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
