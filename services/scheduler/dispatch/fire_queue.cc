#include "services/scheduler/dispatch/fire_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace z4j::scheduler {

bool FireQueue::Add(QueuedFire fire, absl::Time now) {
  auto [found, inserted] = entries_.try_emplace(fire.id);
  if (!inserted) return false;
  found->second = std::make_unique<Entry>();
  Entry* entry = found->second.get();
  entry->seq = next_seq_++;
  entry->fire = std::move(fire);
  const DispatchTarget& target = *entry->fire.target;
  PoolKey key = {target.route(), target.affinity_slot};
  Pool& pool = pools_[key];
  if (pool.size == 0) pool.key = std::move(key);
  entry->pool = &pool;
  ++pool.size;
  ++size_;

  Lane& lane = lanes_[entry->fire.key.schedule];
  if (!entry->fire.key.trigger.is_zero()) {
    lane.manual.push_back(entry);
    Release(entry, now);
    return true;
  }
  if (lane.head != nullptr) {
    // A reload may bring a fire that is older than the head; unless that is on its way already or
    // was, the older one goes first.
    Entry* head = lane.head;
    const bool untried = head->place == Place::kReady || head->place == Place::kJittered;
    if (!untried || OrderOf()(head, entry)) {
      entry->place = Place::kBlocked;
      lane.blocked.insert(entry);
      return true;
    }
    Withdraw(head);
    head->place = Place::kBlocked;
    lane.blocked.insert(head);
  }
  lane.head = entry;
  Release(entry, now);
  return true;
}

FireQueue::Entry* FireQueue::Find(FireId id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.get();
}

void FireQueue::Release(Entry* entry, absl::Time now) {
  if (entry->fire.dispatch_after > now) {
    entry->place = Place::kJittered;
    jittered_.insert(entry);
  } else {
    MakeReady(entry);
  }
}

void FireQueue::MakeReady(Entry* entry) {
  entry->place = Place::kReady;
  entry->pool->ready.insert(entry);
}

void FireQueue::Withdraw(Entry* entry) {
  if (entry->place == Place::kReady) entry->pool->ready.erase(entry);
  if (entry->place == Place::kJittered) jittered_.erase(entry);
  if (entry->place == Place::kBackedOff) backed_off_.erase(entry);
}

void FireQueue::WakeDue(absl::Time now, MonoTime mono) {
  while (!jittered_.empty() && (*jittered_.begin())->fire.dispatch_after <= now) {
    Entry* entry = *jittered_.begin();
    jittered_.erase(jittered_.begin());
    MakeReady(entry);
  }
  while (!backed_off_.empty() && !(mono < (*backed_off_.begin())->since)) {
    Entry* entry = *backed_off_.begin();
    backed_off_.erase(backed_off_.begin());
    MakeReady(entry);
  }
}

absl::Time FireQueue::NextJittered() const {
  return jittered_.empty() ? absl::InfiniteFuture() : (*jittered_.begin())->fire.dispatch_after;
}

MonoTime FireQueue::NextBackedOff() const {
  return backed_off_.empty() ? MonoTime{absl::InfiniteDuration()} : (*backed_off_.begin())->since;
}

void FireQueue::MarkInFlight(Entry* entry, const AdapterLink* link, MonoTime now) {
  Withdraw(entry);
  entry->place = Place::kInFlight;
  entry->link = link;
  entry->since = now;
  ++entry->fire.attempts;
}

void FireQueue::Return(Entry* entry, MonoTime at, MonoTime now) {
  entry->link = nullptr;
  if (!(now < at)) {
    MakeReady(entry);
    return;
  }
  entry->place = Place::kBackedOff;
  entry->since = at;
  backed_off_.insert(entry);
}

void FireQueue::ReturnUntried(Entry* entry) {
  --entry->fire.attempts;
  entry->link = nullptr;
  MakeReady(entry);
}

void FireQueue::Hasten(const std::string& engine) {
  std::vector<Entry*> waiting;
  for (Entry* entry : backed_off_) {
    if (entry->pool->key.route.engine == engine) waiting.push_back(entry);
  }
  for (Entry* entry : waiting) {
    backed_off_.erase(entry);
    MakeReady(entry);
  }
}

void FireQueue::Settle(Entry* entry, absl::Time now) {
  Withdraw(entry);
  LeaveLane(entry, now);
  entry->place = Place::kSettled;
  entry->link = nullptr;
  --size_;
  Pool* pool = std::exchange(entry->pool, nullptr);
  if (--pool->size == 0) pools_.erase(PoolKey(pool->key));  // A copy: it goes with the pool.
  entry->fire.target.reset();
}

void FireQueue::LeaveLane(Entry* entry, absl::Time now) {
  const auto found = lanes_.find(entry->fire.key.schedule);
  Lane& lane = found->second;
  if (!entry->fire.key.trigger.is_zero()) {
    lane.manual.erase(std::find(lane.manual.begin(), lane.manual.end(), entry));
  } else if (lane.head != entry) {
    lane.blocked.erase(entry);
  } else if (lane.blocked.empty()) {
    lane.head = nullptr;
  } else {
    lane.head = *lane.blocked.begin();
    lane.blocked.erase(lane.blocked.begin());
    Release(lane.head, now);
  }
  if (lane.head == nullptr && lane.manual.empty()) lanes_.erase(found);
}

void FireQueue::Forget(FireId id) {
  const auto found = entries_.find(id);
  if (found != entries_.end() && found->second->place == Place::kSettled) entries_.erase(found);
}

void FireQueue::Clear() {
  jittered_.clear();
  backed_off_.clear();
  lanes_.clear();
  pools_.clear();
  entries_.clear();
  size_ = 0;
}

std::vector<FireQueue::Entry*> FireQueue::OfSchedule(ScheduleId id) {
  const auto found = lanes_.find(id);
  if (found == lanes_.end()) return {};
  std::vector<Entry*> entries = found->second.manual;
  if (found->second.head != nullptr) entries.push_back(found->second.head);
  entries.insert(entries.end(), found->second.blocked.begin(), found->second.blocked.end());
  return entries;
}

void FireQueue::ForEach(absl::FunctionRef<void(Entry*)> visit) {
  for (auto& [id, entry] : entries_) {
    if (entry->place != Place::kSettled) visit(entry.get());
  }
}

int64_t FireQueue::SizeOf(const std::string& engine) const {
  int64_t size = 0;
  const PoolKey first = {{engine}, std::numeric_limits<int>::min()};
  for (auto at = pools_.lower_bound(first); at != pools_.end() && at->first.route.engine == engine;
       ++at) {
    size += at->second.size;
  }
  return size;
}

}  // namespace z4j::scheduler
