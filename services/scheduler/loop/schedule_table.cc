#include "services/scheduler/loop/schedule_table.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/loop/payload.h"

namespace z4j::scheduler {
namespace {

// Any namespace will do: these digests never leave the process.
constexpr Uuid kDigestSpace = {{0x52}};

}  // namespace

ScheduleTable::ScheduleTable() : index_(0, HashOf{&records_}, Equal{&records_}) {}

absl::Status ScheduleTable::Upsert(const StoredSchedule& stored) {
  const Schedule& schedule = stored.schedule;
  Slot slot = kNoSlot;
  Record& record = Obtain(schedule.id, &slot);
  if (record.payload != nullptr) --counts_[static_cast<int>(record.state)];
  record.state = schedule.state;
  ++counts_[static_cast<int>(record.state)];
  const auto* one_shot = std::get_if<OneShotSpec>(&schedule.spec);
  record.due_before_created = one_shot != nullptr && one_shot->at <= schedule.created_at;
  const std::string payload = PackPayload(schedule);
  record.payload = std::make_unique<char[]>(payload.size());
  record.payload_size = static_cast<uint32_t>(payload.size());
  std::memcpy(record.payload.get(), payload.data(), payload.size());
  targets_.erase(slot);
  if (stored.cursor.watermark >= CursorOf(record).watermark) SetCursor(record, stored.cursor);
  SetPolicy(record, PolicyOf(schedule));

  wheel_.Remove(slot);
  const bool comes_due =
      schedule.state == ScheduleState::kEnabled || schedule.state == ScheduleState::kShadow;
  if (!comes_due) {
    DropRecurrence(record);
    if (schedule.state == ScheduleState::kPaused && schedule.pause.has_value()) {
      wheel_.Insert(slot, schedule.pause->until);
    }
    return absl::OkStatus();
  }
  if (absl::Status status = SetRecurrence(record, schedule); !status.ok()) {
    DropRecurrence(record);
    return status;
  }
  Arm(slot, record);
  return absl::OkStatus();
}

void ScheduleTable::Arm(Slot slot, const Record& record) {
  const absl::Time wake = scheduler::NextWake(record.id, *RecurrenceOf(record),
                                              policies_.KeyOf(record.policy), CursorOf(record));
  wheel_.Insert(slot, wake == absl::InfiniteFuture() ? absl::UnixEpoch() : wake);
}

ScheduleTable::Record& ScheduleTable::Obtain(ScheduleId id, Slot* slot) {
  *slot = Find(id);
  if (*slot != kNoSlot) return records_[*slot];
  Record record;
  record.id = id;
  *slot = records_.Add(std::move(record));
  index_.insert(*slot);
  return records_[*slot];
}

absl::Status ScheduleTable::SetRecurrence(Record& record, const Schedule& schedule) {
  ASSIGN_OR_RETURN(const std::optional<TimeGrid> grid, CompileTimeGrid(schedule));
  if (grid.has_value()) {
    DropRecurrence(record);
    record.recurrence = grids_.Add(*grid);
    record.has_grid = true;
    return absl::OkStatus();
  }
  const Uuid key = Uuid::FromName(kDigestSpace, RecurrenceKey(schedule));
  std::optional<uint32_t> number = recurrences_.Share(key);
  if (!number.has_value()) {
    ASSIGN_OR_RETURN(auto compiled, CompileRecurrence(schedule));
    number = recurrences_.Add(key, std::move(compiled));
  }
  DropRecurrence(record);  // After Share: it may be the very same one.
  record.recurrence = *number;
  return absl::OkStatus();
}

void ScheduleTable::DropRecurrence(Record& record) {
  const uint32_t number = std::exchange(record.recurrence, kNone);
  const bool had_grid = std::exchange(record.has_grid, false);
  if (number == kNone) return;
  if (had_grid) {
    grids_.Free(number);
  } else {
    recurrences_.Drop(number);
  }
}

const Recurrence* ScheduleTable::RecurrenceOf(const Record& record) const {
  if (record.recurrence == kNone) return nullptr;
  if (record.has_grid) return &grids_[record.recurrence];
  return recurrences_[record.recurrence].get();
}

void ScheduleTable::SetPolicy(Record& record, const PlanPolicy& policy) {
  std::optional<uint32_t> number = policies_.Share(policy);
  if (!number.has_value()) number = policies_.Add(policy, {});
  if (record.policy != kNone) policies_.Drop(record.policy);
  record.policy = *number;
}

void ScheduleTable::Remove(ScheduleId id) {
  const Slot slot = Find(id);
  if (slot == kNoSlot) return;
  Record& record = records_[slot];
  wheel_.Remove(slot);
  targets_.erase(slot);
  index_.erase(slot);
  --counts_[static_cast<int>(record.state)];
  DropRecurrence(record);
  policies_.Drop(record.policy);
  record = Record();
  records_.Free(slot);
}

void ScheduleTable::Clear() {
  index_.clear();
  records_.Clear();
  grids_.Clear();
  recurrences_.Clear();
  policies_.Clear();
  targets_.clear();
  wheel_ = TimingWheel();
  counts_.fill(0);
}

ScheduleTable::Slot ScheduleTable::Find(ScheduleId id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? kNoSlot : *found;
}

ScheduleTable::View ScheduleTable::Get(Slot slot) const {
  const Record& record = records_[slot];
  View view;
  view.id = record.id;
  view.state = record.state;
  view.cursor = CursorOf(record);
  view.recurrence = RecurrenceOf(record);
  view.policy = &policies_.KeyOf(record.policy);
  view.due_before_created = record.due_before_created;
  return view;
}

absl::string_view ScheduleTable::PayloadOf(Slot slot) const {
  return {records_[slot].payload.get(), records_[slot].payload_size};
}

ScheduleKey ScheduleTable::KeyOf(Slot slot) const { return KeyOfPayload(PayloadOf(slot)); }

std::string ScheduleTable::EngineOf(Slot slot) const { return EngineOfPayload(PayloadOf(slot)); }

std::shared_ptr<const DispatchTarget> ScheduleTable::TargetOf(Slot slot) {
  const auto found = targets_.find(slot);
  if (found != targets_.end()) return found->second;
  // Those that fire keep theirs alive; all others can be built again.
  if (targets_.size() >= kTargetsCachedMax) targets_.clear();
  return targets_[slot] = TargetOf(slot, "", "");
}

std::shared_ptr<const DispatchTarget> ScheduleTable::TargetOf(
    Slot slot, const std::string& args_json, const std::string& kwargs_json) const {
  return TargetOfPayload(PayloadOf(slot), Get(slot).policy->catch_up_window, args_json,
                         kwargs_json);
}

void ScheduleTable::Refresh(Slot slot, const Cursor& cursor) {
  Record& record = records_[slot];
  SetCursor(record, cursor);
  Arm(slot, record);
}

void ScheduleTable::Advance(Slot slot, const Cursor& cursor, absl::Time next_wake) {
  if (cursor.watermark >= CursorOf(records_[slot]).watermark) SetCursor(records_[slot], cursor);
  wheel_.Insert(slot, next_wake);
}

Cursor ScheduleTable::CursorOf(const Record& record) const {
  Cursor cursor;
  if (record.watermark_us != kNoTime) cursor.watermark = absl::FromUnixMicros(record.watermark_us);
  cursor.fires = record.fires;
  return cursor;
}

void ScheduleTable::SetCursor(Record& record, const Cursor& cursor) {
  record.watermark_us =
      cursor.watermark == absl::InfinitePast() ? kNoTime : absl::ToUnixMicros(cursor.watermark);
  record.fires = cursor.fires;
}

}  // namespace z4j::scheduler
