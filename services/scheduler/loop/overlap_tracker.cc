#include "services/scheduler/loop/overlap_tracker.h"

#include <algorithm>
#include <iterator>

namespace z4j::scheduler {

std::vector<QueuedFire> OverlapTracker::Untrack(ScheduleId id) {
  const auto found = schedules_.find(id);
  if (found == schedules_.end()) return {};
  State state = std::move(found->second);
  schedules_.erase(found);
  for (const FireId fire : state.running) schedule_of_.erase(fire);
  for (const QueuedFire& fire : state.buffered) schedule_of_.erase(fire.id);
  return {std::make_move_iterator(state.buffered.begin()),
          std::make_move_iterator(state.buffered.end())};
}

OpenRuns OverlapTracker::Open(ScheduleId id) const {
  const auto found = schedules_.find(id);
  if (found == schedules_.end()) return {};
  return {static_cast<int>(found->second.running.size()),
          static_cast<int>(found->second.buffered.size())};
}

void OverlapTracker::Started(ScheduleId id, FireId fire) {
  const auto found = schedules_.find(id);
  if (found == schedules_.end() || !schedule_of_.try_emplace(fire, id).second) return;
  found->second.running.push_back(fire);
}

void OverlapTracker::Buffer(QueuedFire fire) {
  const auto found = schedules_.find(fire.key.schedule);
  if (found == schedules_.end()) return;
  if (!schedule_of_.try_emplace(fire.id, fire.key.schedule).second) return;
  found->second.buffered.push_back(std::move(fire));
}

std::optional<QueuedFire> OverlapTracker::Ended(FireId fire, std::optional<QueuedFire>* dropped) {
  const auto found = schedule_of_.find(fire);
  if (found == schedule_of_.end()) return std::nullopt;
  const ScheduleId id = found->second;
  State& state = schedules_[id];
  schedule_of_.erase(found);
  std::erase(state.running, fire);
  const auto held = std::find_if(state.buffered.begin(), state.buffered.end(),
                                 [&](const QueuedFire& queued) { return queued.id == fire; });
  if (held != state.buffered.end()) {
    *dropped = std::move(*held);
    state.buffered.erase(held);
  }
  return Next(id);
}

std::optional<QueuedFire> OverlapTracker::Next(ScheduleId id) {
  State& state = schedules_[id];
  if (!state.running.empty() || state.buffered.empty()) return std::nullopt;
  QueuedFire next = std::move(state.buffered.front());
  state.buffered.pop_front();
  state.running.push_back(next.id);
  return next;
}

void OverlapTracker::ForgetRuns(ScheduleId id, absl::FunctionRef<bool(FireId)> forget) {
  const auto found = schedules_.find(id);
  if (found == schedules_.end()) return;
  std::erase_if(found->second.running, [&](FireId fire) {
    if (!forget(fire)) return false;
    schedule_of_.erase(fire);
    return true;
  });
}

bool OverlapTracker::Buffered(FireId fire) const {
  const auto found = schedule_of_.find(fire);
  if (found == schedule_of_.end()) return false;
  const std::deque<QueuedFire>& held = schedules_.find(found->second)->second.buffered;
  return std::any_of(held.begin(), held.end(),
                     [&](const QueuedFire& queued) { return queued.id == fire; });
}

std::vector<ScheduleId> OverlapTracker::Buffering() const {
  std::vector<ScheduleId> ids;
  for (const auto& [id, state] : schedules_) {
    if (!state.buffered.empty()) ids.push_back(id);
  }
  return ids;
}

std::vector<ScheduleId> OverlapTracker::ForgetAll() {
  schedule_of_.clear();
  std::vector<ScheduleId> tracked;
  for (auto& [id, state] : schedules_) {
    state = {};
    tracked.push_back(id);
  }
  return tracked;
}

void OverlapTracker::Clear() {
  schedules_.clear();
  schedule_of_.clear();
}

}  // namespace z4j::scheduler
