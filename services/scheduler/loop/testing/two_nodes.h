#ifndef Z4J_SCHEDULER_LOOP_TESTING_TWO_NODES_H_
#define Z4J_SCHEDULER_LOOP_TESTING_TWO_NODES_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/loop/testing/loop_world.h"
#include "services/scheduler/store/testing/forwarding_store.h"

namespace z4j::scheduler {

// What a node sees of a store that others change, and that may show it old cursors.
class WatchedStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  absl::StatusOr<int64_t> LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) override {
    ++loads;
    return ForwardingStore::LoadSchedules(visit);
  }
  absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) override {
    cursors_read += ids.size();
    if (!stale.has_value()) return ForwardingStore::GetCursors(ids);
    std::vector<std::pair<ScheduleId, Cursor>> cursors;
    for (const ScheduleId id : ids) cursors.push_back({id, *stale});
    return cursors;
  }
  absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) override {
    absl::StatusOr<FenceRow> fence = ForwardingStore::RaiseFence(token, holder);
    if (fence.ok() && restored) fence->revision = 0;
    return fence;
  }
  absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) override {
    if (open_fails) return absl::UnavailableError("away");
    if (open.has_value()) return *open;
    return ForwardingStore::LoadOpen(schedules);
  }
  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after, int limit) override {
    ++pending_pages;
    return ForwardingStore::LoadPending(after, limit);
  }

  int loads = 0;
  int pending_pages = 0;
  bool open_fails = false;
  std::optional<std::vector<Fire>> open;  // Shown instead of what is open.
  size_t cursors_read = 0;
  std::optional<Cursor> stale;  // Shown instead of every cursor.
  bool restored = false;        // From a backup of before the first entry.
};

// A leader, and the node that comes after it.
class TwoNodes : public testing::Test {
 protected:
  std::vector<Schedule> InsertMany(int count, CatchUp catch_up) {
    std::vector<Schedule> schedules;
    for (int i = 0; i < count; ++i) {
      schedules.push_back(world_.Make(i));
      schedules.back().catch_up = catch_up;
    }
    world_.Insert(schedules);
    return schedules;
  }
  void Run(absl::Duration total, absl::Duration step = absl::Seconds(1)) {
    world_.Run(total, step, {&old_, &next_});
  }
  // The minutes of the schedule's rows that were handed over, and how many due times were missed.
  std::vector<int> Fired(const Schedule& schedule) {
    std::vector<int> minutes;
    for (const Fire& fire : world_.Rows(schedule)) {
      if (fire.state != FireState::kDispatched) continue;
      minutes.push_back(static_cast<int>(absl::ToInt64Minutes(fire.key.due_at - start_)));
    }
    return minutes;
  }
  int64_t Missed(const Schedule& schedule) {
    int64_t missed = 0;
    for (const Fire& fire : world_.Rows(schedule)) {
      if (fire.reason == FireReason::kCatchUpPolicy) missed += fire.count;
    }
    return missed;
  }
  // The old leader dies as soon as it has committed `commits` batches.
  void DieAfter(int commits) {
    world_.store.set_fault([this, commits](const std::string& op, bool after) {
      if (op == "commit_fires" && after) ++committed_;
      return committed_ >= commits && !after ? absl::UnavailableError("dead") : absl::OkStatus();
    });
  }
  void Die() {
    world_.store.set_fault([](const std::string&, bool) { return absl::OkStatus(); });
    old_.elector.Revoke();
    old_.Settle();
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'800'000'000);  // A whole minute.
  LoopWorld world_{start_};
  LoopNode old_{"old", world_.store, world_.clock};
  WatchedStore watched_{world_.memory};
  LoopNode next_{"next", watched_, world_.clock};
  std::shared_ptr<MemoryLink> link_ = std::make_shared<MemoryLink>("one");
  int committed_ = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_TESTING_TWO_NODES_H_
