#include "services/scheduler/dispatch/run_retries.h"

#include <algorithm>
#include <memory>

#include "services/base/status_macros.h"
#include "services/scheduler/core/run_retry.h"

namespace z4j::scheduler {
namespace {

absl::Time WholeMicros(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

// The keys of the fires that ended badly, where only their ids are known.
absl::Status FindKeys(ScheduleStore& store, std::vector<FireUpdate>& updates) {
  absl::flat_hash_map<FireId, FireKey> found;
  for (const FireUpdate& update : updates) {
    if (!MayBeRepeated(update.state) || !update.key.schedule.value.is_zero()) continue;
    const absl::StatusOr<NamedFire> named = store.GetFire(update.id);
    if (absl::IsNotFound(named.status())) continue;  // Pruned, or of another scheduler.
    RETURN_IF_ERROR(named.status());
    found[update.id] = named->fire.key;
  }
  // Also of what came before: the updates of one fire are to stay in their order.
  for (FireUpdate& update : updates) {
    const auto key = found.find(update.id);
    if (key != found.end()) update.key = key->second;
  }
  return absl::OkStatus();
}

}  // namespace

void RunRetries::Set(ScheduleId id, const std::optional<RunRetry>& policy) {
  MonotoneMutexLock lock(&mu_);
  if (policy.has_value()) {
    policies_[id] = *policy;
  } else {
    policies_.erase(id);
  }
}

void RunRetries::Clear() {
  MonotoneMutexLock lock(&mu_);
  policies_.clear();
}

void RunRetries::Hold() {
  MonotoneMutexLock lock(&mu_);
  held_ = true;
}

void RunRetries::Release() {
  MonotoneMutexLock lock(&mu_);
  held_ = false;
}

std::optional<RunRetry> RunRetries::PolicyOf(ScheduleId id) {
  MonotoneMutexLock lock(&mu_);
  const auto found = policies_.find(id);
  if (found == policies_.end()) return std::nullopt;
  return found->second;
}

std::vector<FireUpdate*> RunRetries::Candidates(std::vector<FireUpdate>& updates) {
  std::vector<FireUpdate*> candidates;
  for (FireUpdate& update : updates) {
    if (!MayBeRepeated(update.state)) continue;
    const std::optional<RunRetry> policy = PolicyOf(update.key.schedule);
    if (!policy.has_value()) continue;
    if (const FireState state = EndUnder(*policy, update.state); state != update.state) {
      update.state = state;
      update.reason = FireReason::kWorkerLost;
    }
    if (IsRepeated(*policy, /*run=*/1, update.state, update.reason)) candidates.push_back(&update);
  }
  return candidates;
}

absl::Status RunRetries::Decide(ScheduleStore& store, absl::Time now,
                                std::vector<FireUpdate>& updates) {
  bool any = false;
  for (FireUpdate& update : updates) {
    update.retry = nullptr;
    any |= MayBeRepeated(update.state);
  }
  if (!any) return absl::OkStatus();
  {
    MonotoneMutexLock lock(&mu_);
    if (held_) return absl::UnavailableError("not all edits of schedules are read yet");
    if (policies_.empty()) return absl::OkStatus();
  }
  RETURN_IF_ERROR(FindKeys(store, updates));
  const std::vector<FireUpdate*> candidates = Candidates(updates);
  if (candidates.empty()) return absl::OkStatus();
  std::vector<FireKey> keys;
  for (const FireUpdate* update : candidates) keys.push_back(update->key);
  ASSIGN_OR_RETURN(const std::vector<NamedFire> named, store.GetFires(keys));
  absl::flat_hash_map<FireKey, const Fire*> rows;
  for (const NamedFire& one : named) rows[one.fire.key] = &one.fire;
  now = WholeMicros(now);
  for (FireUpdate* update : candidates) {
    const auto row = rows.find(update->key);
    if (row == rows.end() || IsFinal(row->second->state)) continue;
    const Fire& fire = *row->second;
    const std::optional<RunRetry> policy = PolicyOf(fire.key.schedule);
    if (!policy.has_value() || !IsRepeated(*policy, fire.run, update->state, update->reason)) {
      continue;
    }
    // An adapter whose clock is ahead makes nobody wait longer.
    const absl::Time ended = std::min(WholeMicros(update->at), now);
    update->retry =
        std::make_shared<Fire>(RetryOf(fire, ended + BackoffBefore(*policy, fire.run + 1), now));
  }
  return absl::OkStatus();
}

}  // namespace z4j::scheduler
