#include "services/scheduler/store/memory_schedule_store.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutants.h"
#include "services/scheduler/store/write_checks.h"

// Mutations and the leader's writes; the reads are in memory_schedule_store_reads.cc.
namespace z4j::scheduler {

absl::Status MemoryScheduleStore::Transact(
    absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
    absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) {
  {
    absl::MutexLock lock(&mu_);
    ReadSet read;
    read.head = head_;
    for (const ScheduleKey& key : keys) {
      if (auto it = schedules_.find(key); it != schedules_.end()) read.schedules.insert(*it);
    }
    for (const std::string& id : request_ids) {
      if (auto it = requests_.find(id); it != requests_.end()) read.requests.insert(*it);
    }
    ASSIGN_OR_RETURN(const WriteSet write, decide(read));
    RETURN_IF_ERROR(CheckWrite(write));
    Write(write);
  }
  changed_.Notify();
  return absl::OkStatus();
}

absl::Status MemoryScheduleStore::CheckWrite(const WriteSet& write) const {
  RETURN_IF_ERROR(CheckAudit(head_, write));
  absl::flat_hash_set<ScheduleKey> gone;
  for (const ScheduleKey& key : write.deleted) {
    if (!schedules_.contains(key) || !gone.insert(key).second) {
      return absl::NotFoundError(absl::StrCat("no schedule ", key.project, "/", key.name));
    }
  }
  absl::flat_hash_set<ScheduleKey> taken;
  absl::flat_hash_set<ScheduleId> added;
  for (const StoredSchedule& stored : write.inserted) {
    const ScheduleKey key{stored.schedule.project, stored.schedule.name};
    const bool free = !schedules_.contains(key) || gone.contains(key);
    if (!free || !taken.insert(key).second || keys_.contains(stored.schedule.id) ||
        !added.insert(stored.schedule.id).second) {
      return absl::AlreadyExistsError(
          absl::StrCat("schedule ", key.project, "/", key.name, " exists"));
    }
  }
  auto exists = [&](ScheduleId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (added.contains(id)) return absl::OkStatus();
    auto it = keys_.find(id);
    if (it != keys_.end() && !gone.contains(it->second)) {
      auto live = schedules_.find(it->second);
      if (live != schedules_.end() && live->second.schedule.id == id) return absl::OkStatus();
    }
    return absl::NotFoundError(absl::StrCat("no schedule with id ", id.ToString()));
  };
  for (const Schedule& schedule : write.updated) RETURN_IF_ERROR(exists(schedule.id));
  for (const auto& [id, watermark] : write.watermarks) RETURN_IF_ERROR(exists(id));
  return absl::OkStatus();
}

void MemoryScheduleStore::Write(const WriteSet& write) {
  const absl::Time now = clock_.Now();
  for (const ScheduleKey& key : write.deleted) Delete(key, now);
  for (const StoredSchedule& stored : write.inserted) {
    const ScheduleKey key{stored.schedule.project, stored.schedule.name};
    schedules_[key] = stored;
    keys_[stored.schedule.id] = key;
  }
  for (const Schedule& schedule : write.updated) FindSchedule(schedule.id)->schedule = schedule;
  for (const auto& [id, watermark] : write.watermarks) {
    Cursor& cursor = FindSchedule(id)->cursor;
    cursor.watermark = std::max(cursor.watermark, watermark);
  }
  if (!write.fires.empty()) ++last_batch_;
  for (const Fire& fire : write.fires) Insert(fire, last_batch_);
  for (const FireKey& key : write.cancelled) {
    if (FireRow* row = FindFire(key)) Cancel(*row, FireReason::kUserCancelled, now);
  }
  audit_.insert(audit_.end(), write.audit.begin(), write.audit.end());
  if (!write.audit.empty()) head_ = write.head;
  for (const StoredRequest& request : write.requests) requests_[request.id] = request;
}

void MemoryScheduleStore::Delete(const ScheduleKey& key, absl::Time now) {
  const ScheduleId id = schedules_.at(key).schedule.id;
  std::vector<FireKey> open;
  for (auto it = open_.lower_bound({id, absl::InfinitePast(), {}});
       it != open_.end() && std::get<0>(*it) == id; ++it) {
    open.push_back({id, std::get<1>(*it), std::get<2>(*it)});
  }
  for (const FireKey& fire : open) Cancel(*FindFire(fire), FireReason::kScheduleDeleted, now);
  deleted_engines_[id] = schedules_.at(key).schedule.engine;
  schedules_.erase(key);
}

StoredSchedule* MemoryScheduleStore::FindSchedule(ScheduleId id) {
  auto key = keys_.find(id);
  if (key == keys_.end()) return nullptr;
  auto it = schedules_.find(key->second);  // Its name may belong to another one by now.
  return it == schedules_.end() || it->second.schedule.id != id ? nullptr : &it->second;
}

void MemoryScheduleStore::Insert(const Fire& fire, int64_t batch_id) {
  if (!fires_.insert({DueOf(fire.key), {fire, batch_id}}).second) return;
  fire_keys_[fire.id] = fire.key;
  if (!IsFinal(fire.state)) open_.insert(ScheduleOf(fire.key));
  NoteWritten(fire.key);
}

void MemoryScheduleStore::NoteWritten(const FireKey& key) {
  written_.emplace_back(clock_.Now(), key);
}

MemoryScheduleStore::FireRow* MemoryScheduleStore::FindFire(const FireKey& key) {
  auto it = fires_.find(DueOf(key));
  return it == fires_.end() ? nullptr : &it->second;
}

void MemoryScheduleStore::Cancel(FireRow& row, FireReason reason, absl::Time now) {
  if (row.fire.state != FireState::kPending) return;
  row.fire.state = FireState::kCancelled;
  row.fire.reason = reason;
  row.fire.finished_at = now;
  open_.erase(ScheduleOf(row.fire.key));
  NoteWritten(row.fire.key);
}

FenceRow MemoryScheduleStore::Fence() const {
  FenceRow row = fence_;
  row.revision = head_.seq;
  row.read_at = clock_.Now();
  return row;
}

absl::StatusOr<FenceRow> MemoryScheduleStore::ReadFence() {
  absl::MutexLock lock(&mu_);
  return Fence();
}

absl::StatusOr<FenceRow> MemoryScheduleStore::RaiseFence(FencingToken token,
                                                         const std::string& holder) {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckRaise(fence_, token, holder));
  FenceRow old = Fence();
  fence_.token = token;
  fence_.holder = holder;
  return old;
}

absl::Status MemoryScheduleStore::MarkLive(FencingToken token, absl::Time at) {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckFence(fence_, token));
  fence_.live_at = std::min(at, clock_.Now());
  return absl::OkStatus();
}

absl::Status MemoryScheduleStore::SetOutages(FencingToken token, absl::Span<const Outage> outages,
                                             absl::Time at) {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckFence(fence_, token));
  fence_.outages.assign(outages.begin(), outages.end());
  fence_.live_at = std::min(at, clock_.Now());
  return absl::OkStatus();
}

absl::StatusOr<CommitResult> MemoryScheduleStore::CommitFires(FencingToken token,
                                                              const FireBatch& batch) {
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  RETURN_IF_ERROR(CheckFence(fence_, token));
  RETURN_IF_ERROR(CheckBatch(batch, now));
  CommitResult result{.batch_id = ++last_batch_, .advanced = {}};
  absl::flat_hash_set<ScheduleId> advanced;
  for (const FireBatch::CursorMove& move : batch.cursors) {
    StoredSchedule* stored = FindSchedule(move.schedule);
    const bool forward = stored != nullptr && stored->cursor.watermark < move.cursor.watermark;
    const bool planned = stored != nullptr && (move.planned_from == absl::InfinitePast() ||
                                               move.planned_from == stored->cursor.watermark);
    bool moves = forward && planned;
    if (Broken(Rule::kWatermarkMovesForward)) moves = stored != nullptr;
    if (Broken(Rule::kPlanFromThisWatermark)) moves = forward;
    if (moves) {
      stored->cursor = move.cursor;
      advanced.insert(move.schedule);
    }
    result.advanced.push_back(moves);
  }
  for (const Fire& fire : batch.fires) {
    if (advanced.contains(fire.key.schedule)) Insert(fire, result.batch_id);
  }
  fence_.live_at = now;
  return result;
}

absl::Status MemoryScheduleStore::UpdateFires(FencingToken token,
                                              absl::Span<const FireUpdate> updates,
                                              absl::Span<const int64_t>) {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckFence(fence_, token));
  for (const FireUpdate& update : updates) Update(update);
  fence_.live_at = clock_.Now();
  return absl::OkStatus();
}

void MemoryScheduleStore::Update(const FireUpdate& update) {
  FireKey key = update.key;
  if (key.schedule.value.is_zero()) {
    auto it = fire_keys_.find(update.id);
    if (it == fire_keys_.end()) return;
    key = it->second;
  }
  FireRow* row = FindFire(key);
  if (row == nullptr) return;
  Fire& fire = row->fire;
  if (IsFinal(fire.state) || update.state < fire.state) return;
  fire.state = update.state;
  fire.reason = update.reason;
  fire.error = update.error;
  if (update.attempts != 0) fire.attempts = update.attempts;
  if (!update.adapter.empty()) fire.adapter = update.adapter;
  if (update.state == FireState::kDispatched) fire.dispatched_at = update.at;
  if (update.state == FireState::kRunning) fire.started_at = update.at;
  NoteWritten(key);
  if (!IsFinal(update.state)) return;
  fire.finished_at = update.at;
  open_.erase(ScheduleOf(key));
  if (update.retry != nullptr && FindSchedule(key.schedule) != nullptr) {
    Insert(*update.retry, ++last_batch_);
  }
}

absl::StatusOr<int64_t> MemoryScheduleStore::Prune(FencingToken token, absl::Time before,
                                                   int limit) {
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckFence(fence_, token));
  int64_t pruned = 0;
  for (auto it = fires_.begin();
       it != fires_.end() && std::get<0>(it->first) < before && pruned < limit;) {
    if (it->second.fire.state == FireState::kPending) {
      ++it;
      continue;
    }
    open_.erase(ScheduleOf(it->second.fire.key));
    fire_keys_.erase(it->second.fire.id);
    it = fires_.erase(it);
    ++pruned;
  }
  const absl::Time kept_from = clock_.Now() - kRequestIdKept;
  for (auto it = requests_.begin(); it != requests_.end() && pruned < limit;) {
    if (it->second.at >= kept_from) {
      ++it;
      continue;
    }
    it = requests_.erase(it);
    ++pruned;
  }
  while (!written_.empty() && written_.front().first < clock_.Now() - kWrittenKept) {
    written_.pop_front();
    ++written_gone_;
  }
  fence_.live_at = clock_.Now();
  return pruned;
}

}  // namespace z4j::scheduler
