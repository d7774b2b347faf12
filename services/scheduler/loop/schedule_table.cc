#include "services/scheduler/loop/schedule_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/scheduler/limits.h"
#include "services/scheduler/loop/payload.h"

namespace z4j::scheduler {
namespace {

// The number of a free entry of `entries`, or of a new one.
template <typename Entries>
uint32_t TakeEntry(Entries& entries, std::vector<uint32_t>& free) {
  if (free.empty()) {
    entries.emplace_back();
    return static_cast<uint32_t>(entries.size() - 1);
  }
  const uint32_t index = free.back();
  free.pop_back();
  return index;
}

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
  const bool enabled = schedule.state == ScheduleState::kEnabled;
  if (!enabled) {
    DropRecurrence(record);
    if (schedule.state == ScheduleState::kPaused && schedule.pause.has_value()) {
      wheel_.Insert(slot, schedule.pause->until);
    }
    return absl::OkStatus();
  }
  if (absl::Status status = SetRecurrence(record, schedule); !status.ok()) return status;
  const absl::Time wake =
      scheduler::NextWake(schedule.id, *recurrences_[record.recurrence].recurrence,
                          policies_[record.policy].policy, CursorOf(record));
  wheel_.Insert(slot, wake == absl::InfiniteFuture() ? absl::UnixEpoch() : wake);
  return absl::OkStatus();
}

ScheduleTable::Record& ScheduleTable::Obtain(ScheduleId id, Slot* slot) {
  *slot = Find(id);
  if (*slot != kNoSlot) return records_[*slot];
  *slot = TakeEntry(records_, free_);
  Record& record = records_[*slot];
  record = Record();
  record.id = id;
  index_.insert(*slot);
  return record;
}

absl::Status ScheduleTable::SetRecurrence(Record& record, const Schedule& schedule) {
  const Uuid key = Uuid::FromName(kDigestSpace, RecurrenceKey(schedule));
  if (record.recurrence != kNone && recurrences_[record.recurrence].key == key) {
    return absl::OkStatus();
  }
  DropRecurrence(record);
  const auto found = recurrence_of_.find(key);
  if (found == recurrence_of_.end()) {
    auto compiled = CompileRecurrence(schedule);
    if (!compiled.ok()) return compiled.status();
    record.recurrence = TakeEntry(recurrences_, free_recurrences_);
    recurrences_[record.recurrence] = {*std::move(compiled), key, 0};
    recurrence_of_[key] = record.recurrence;
  } else {
    record.recurrence = found->second;
  }
  ++recurrences_[record.recurrence].users;
  return absl::OkStatus();
}

void ScheduleTable::DropRecurrence(Record& record) {
  const uint32_t index = std::exchange(record.recurrence, kNone);
  if (index == kNone || --recurrences_[index].users > 0) return;
  recurrence_of_.erase(recurrences_[index].key);
  recurrences_[index] = {};
  free_recurrences_.push_back(index);
}

void ScheduleTable::SetPolicy(Record& record, const PlanPolicy& policy) {
  if (record.policy != kNone && policies_[record.policy].policy == policy) return;
  DropPolicy(record);
  const auto found = policy_of_.find(policy);
  if (found == policy_of_.end()) {
    record.policy = TakeEntry(policies_, free_policies_);
    policies_[record.policy] = {policy, 0};
    policy_of_[policy] = record.policy;
  } else {
    record.policy = found->second;
  }
  ++policies_[record.policy].users;
}

void ScheduleTable::DropPolicy(Record& record) {
  const uint32_t index = std::exchange(record.policy, kNone);
  if (index == kNone || --policies_[index].users > 0) return;
  policy_of_.erase(policies_[index].policy);
  free_policies_.push_back(index);
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
  DropPolicy(record);
  record = Record();
  free_.push_back(slot);
}

void ScheduleTable::Clear() {
  index_.clear();
  records_.clear();
  free_.clear();
  recurrences_.clear();
  free_recurrences_.clear();
  recurrence_of_.clear();
  policies_.clear();
  free_policies_.clear();
  policy_of_.clear();
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
  if (record.recurrence != kNone)
    view.recurrence = recurrences_[record.recurrence].recurrence.get();
  view.policy = &policies_[record.policy].policy;
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
