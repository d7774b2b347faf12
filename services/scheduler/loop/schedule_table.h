#ifndef Z4J_SCHEDULER_LOOP_SCHEDULE_TABLE_H_
#define Z4J_SCHEDULER_LOOP_SCHEDULE_TABLE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/scheduler/core/interval.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/dispatch/queued_fire.h"
#include "services/scheduler/loop/interned.h"
#include "services/scheduler/loop/timing_wheel.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Every schedule there is, in memory, and which is due next.  Made for a million of them: what
// many have in common (crons, policies) is held once, what each has for itself (the grid of an
// interval, the instant of a one-shot) by value, and what only dispatching needs is packed.  Pure:
// it is told the time, and has no lock.
class ScheduleTable {
 public:
  using Slot = TimingWheel::Slot;
  static constexpr Slot kNoSlot = std::numeric_limits<Slot>::max();

  // What planning needs of one.
  struct View {
    ScheduleId id;
    ScheduleState state = ScheduleState::kEnabled;
    Cursor cursor;
    const Recurrence* recurrence = nullptr;  // Null if it could not be compiled, or is finished.
    const PlanPolicy* policy = nullptr;
    bool due_before_created = false;  // A one-shot for a time before its creation.
  };

  ScheduleTable();
  ScheduleTable(const ScheduleTable&) = delete;

  // Adds or replaces it, and sets when it is due: enabled ones and those in shadow at their next
  // dispatch time (at once if there is none, so that planning finishes them), paused ones when the
  // pause ends.  Its cursor never moves back.  INVALID_ARGUMENT if its recurrence cannot be
  // compiled: it is held all the same, and never due.
  absl::Status Upsert(const StoredSchedule& stored);
  void Remove(ScheduleId id);
  void Clear();

  Slot Find(ScheduleId id) const;  // kNoSlot if there is none.
  View Get(Slot slot) const;
  ScheduleKey KeyOf(Slot slot) const;
  std::string EngineOf(Slot slot) const;
  // Where its fires go; overrides as of a manual trigger.
  std::shared_ptr<const DispatchTarget> TargetOf(Slot slot);
  std::shared_ptr<const DispatchTarget> TargetOf(Slot slot, const std::string& args_json,
                                                 const std::string& kwargs_json) const;

  // The cursor moves forward, and the schedule is due again at `next_wake`.
  void Advance(Slot slot, const Cursor& cursor, absl::Time next_wake);
  // The cursor as the store has it, which may have lost commits; the schedule is due as after
  // Upsert. Only for one with a recurrence.
  void Refresh(Slot slot, const Cursor& cursor);
  // Due at `at`, whatever its recurrence says.
  void WakeAt(Slot slot, absl::Time at) { wheel_.Insert(slot, at); }
  // At most `limit` schedules that are due, oldest first; they are not due again until Advance,
  // WakeAt or Upsert says so.
  void PopDue(absl::Time now, int limit, std::vector<Slot>* due) { wheel_.PopDue(now, limit, due); }
  absl::Time NextWake() const { return wheel_.NextWake(); }

  int64_t size() const { return static_cast<int64_t>(index_.size()); }
  int64_t CountOf(ScheduleState state) const { return counts_[static_cast<int>(state)]; }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();

  struct Record {
    ScheduleId id;
    int64_t watermark_us = kNoTime;
    int64_t fires = 0;
    std::unique_ptr<char[]> payload;  // Null: the record is free.
    uint32_t payload_size = 0;
    uint32_t recurrence = kNone;  // In grids_ or in recurrences_.
    uint32_t policy = kNone;      // In policies_.
    bool has_grid = false;
    ScheduleState state = ScheduleState::kEnabled;
    bool due_before_created = false;
  };
  // The set of record numbers, looked up by schedule id: five bytes an entry instead of twenty.
  struct HashOf {
    using is_transparent = void;
    const Numbered<Record>* records;
    size_t operator()(Slot slot) const { return (*this)((*records)[slot].id); }
    size_t operator()(const ScheduleId& id) const { return absl::Hash<ScheduleId>()(id); }
  };
  struct Equal {
    using is_transparent = void;
    const Numbered<Record>* records;
    bool operator()(Slot a, Slot b) const { return a == b; }
    bool operator()(Slot a, const ScheduleId& b) const { return (*records)[a].id == b; }
    bool operator()(const ScheduleId& a, Slot b) const { return (*records)[b].id == a; }
  };

  Record& Obtain(ScheduleId id, Slot* slot);
  absl::Status SetRecurrence(Record& record, const Schedule& schedule);
  void SetPolicy(Record& record, const PlanPolicy& policy);
  void DropRecurrence(Record& record);
  const Recurrence* RecurrenceOf(const Record& record) const;
  // Sets when an enabled one is due.
  void Arm(Slot slot, const Record& record);
  Cursor CursorOf(const Record& record) const;
  static void SetCursor(Record& record, const Cursor& cursor);
  absl::string_view PayloadOf(Slot slot) const;

  Numbered<Record> records_;
  absl::flat_hash_set<Slot, HashOf, Equal> index_;
  Numbered<TimeGrid> grids_;
  // By a digest of RecurrenceKey, being shorter.
  Interned<Uuid, std::shared_ptr<const Recurrence>> recurrences_;
  Interned<PlanPolicy, std::monostate> policies_;
  absl::flat_hash_map<Slot, std::shared_ptr<const DispatchTarget>> targets_;  // Of active ones.
  TimingWheel wheel_;
  std::array<int64_t, static_cast<int>(ScheduleState::kShadow) + 1> counts_{};  // By state.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_SCHEDULE_TABLE_H_
