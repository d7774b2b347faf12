#include "services/scheduler/store/fire_changes.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace z4j::scheduler {
namespace {

void Apply(const FireUpdate& update, FireChange& change) {
  if (IsFinal(change.last.state) || update.state < change.last.state) return;
  const int attempts = update.attempts != 0 ? update.attempts : change.last.attempts;
  const std::string adapter = !update.adapter.empty() ? update.adapter : change.last.adapter;
  change.last = update;
  change.last.attempts = attempts;
  change.last.adapter = adapter;
  if (update.state == FireState::kDispatched) change.dispatched_at = update.at;
  if (update.state == FireState::kRunning) change.started_at = update.at;
  if (IsFinal(update.state)) change.finished_at = update.at;
}

}  // namespace

bool KeyLess(const FireKey& a, const FireKey& b) {
  return std::tie(a.due_at, a.schedule, a.trigger) < std::tie(b.due_at, b.schedule, b.trigger);
}

FireChanges FoldUpdates(absl::Span<const FireUpdate> updates) {
  absl::flat_hash_map<FireKey, FireChange> by_key;
  absl::flat_hash_map<FireId, FireChange> by_id;
  for (const FireUpdate& update : updates) {
    const bool known = !update.key.schedule.value.is_zero();
    Apply(update, known ? by_key[update.key] : by_id[update.id]);
  }
  FireChanges changes;
  for (auto& [key, change] : by_key) changes.by_key.push_back(std::move(change));
  for (auto& [id, change] : by_id) changes.by_id.push_back(std::move(change));
  std::sort(
      changes.by_key.begin(), changes.by_key.end(),
      [](const FireChange& a, const FireChange& b) { return KeyLess(a.last.key, b.last.key); });
  std::sort(changes.by_id.begin(), changes.by_id.end(),
            [](const FireChange& a, const FireChange& b) { return a.last.id < b.last.id; });
  return changes;
}

}  // namespace z4j::scheduler
