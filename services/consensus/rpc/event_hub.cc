#include "services/consensus/rpc/event_hub.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

template <typename Map, typename Key, typename T>
void RemoveOne(Map& map, const Key& key, const T* wanted) {
  const auto [begin, end] = map.equal_range(key);
  const auto found = std::find_if(
      begin, end, [wanted](const auto& entry) { return entry.second.get() == wanted; });
  if (found != end) map.erase(found);
}

template <typename Map>
auto ValuesOf(const Map& map) {
  std::vector<typename Map::mapped_type> values;
  for (const auto& [key, value] : map) values.push_back(value);
  return values;
}

}  // namespace

absl::Status EventHub::MayAdd(size_t there, size_t max, const char* what) const {
  if (ended_) return absl::UnavailableError("the node goes away");
  if (there < max) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("too many ", what, " on this node"));
}

absl::Status EventHub::Add(Ticket ticket, std::shared_ptr<TicketWaiter> waiter) {
  absl::MutexLock lock(&mu_);
  absl::Status may = MayAdd(tickets_.size(), kGrantWaitsMax, "calls wait for a grant");
  if (may.ok()) tickets_.emplace(ticket, std::move(waiter));
  return may;
}

bool EventHub::Remove(Ticket ticket, const TicketWaiter* waiter) {
  absl::MutexLock lock(&mu_);
  RemoveOne(tickets_, ticket, waiter);
  return !tickets_.contains(ticket);
}

void EventHub::Answering(Ticket ticket, const TicketWaiter* call) {
  absl::MutexLock lock(&mu_);
  answered_[ticket] = call;
}

bool EventHub::WasLastAnswered(Ticket ticket, const TicketWaiter* call) {
  absl::MutexLock lock(&mu_);
  const auto last = answered_.find(ticket);
  if (last == answered_.end() || last->second != call) return false;
  answered_.erase(last);
  return true;
}

absl::Status EventHub::Add(const std::string& name, std::shared_ptr<LeaderWatcher> watcher) {
  absl::MutexLock lock(&mu_);
  absl::Status may = MayAdd(leaders_.size() + later_.size(), kWatchersMax, "streams observe");
  if (may.ok()) leaders_.emplace(name, std::move(watcher));
  return may;
}

absl::Status EventHub::AddLater(Revision revision, std::shared_ptr<LeaderWatcher> watcher) {
  absl::MutexLock lock(&mu_);
  absl::Status may = MayAdd(leaders_.size() + later_.size(), kWatchersMax, "streams observe");
  if (may.ok()) later_.emplace(revision, std::move(watcher));
  return may;
}

void EventHub::Remove(const std::string& name, const LeaderWatcher* watcher) {
  absl::MutexLock lock(&mu_);
  RemoveOne(leaders_, name, watcher);
  std::erase_if(later_, [watcher](const auto& entry) { return entry.second.get() == watcher; });
}

absl::Status EventHub::Add(std::shared_ptr<KvWatcher> watcher) {
  absl::MutexLock lock(&mu_);
  absl::Status may = MayAdd(kv_.size(), kWatchersMax, "streams watch keys");
  if (may.ok()) kv_.insert(std::move(watcher));
  return may;
}

void EventHub::Remove(const std::shared_ptr<KvWatcher>& watcher) {
  absl::MutexLock lock(&mu_);
  kv_.erase(watcher);
}

absl::Status EventHub::AddLeaderBound(std::shared_ptr<Subscriber> subscriber) {
  absl::MutexLock lock(&mu_);
  absl::Status may = MayAdd(leader_bound_.size(), kSessionsMax, "keep-alive streams are open");
  if (may.ok()) leader_bound_.insert(std::move(subscriber));
  return may;
}

void EventHub::RemoveLeaderBound(const std::shared_ptr<Subscriber>& subscriber) {
  absl::MutexLock lock(&mu_);
  leader_bound_.erase(subscriber);
}

void EventHub::AtNextEvents(absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&mu_);
  if (!ended_ && tasks_.size() < kGrantWaitsMax) tasks_.push_back(std::move(task));
}

// Whoever is told may take the hub's lock, so it is not held then.
void EventHub::OnEvents(const std::vector<Event>& events, const CoordinationMachine& machine) {
  for (const Event& event : events) {
    std::visit([&](const auto& one) { Tell(one, machine); }, event);
  }
  for (const auto& watcher : TakeCaughtUp(machine.revision())) watcher->OnCaughtUp(machine);
  std::vector<absl::AnyInvocable<void()>> tasks;
  {
    absl::MutexLock lock(&mu_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

EventHub::Found<TicketWaiter> EventHub::WaitersOf(Ticket ticket) {
  absl::MutexLock lock(&mu_);
  Found<TicketWaiter> found;
  const auto [begin, end] = tickets_.equal_range(ticket);
  for (auto it = begin; it != end; ++it) found.push_back(it->second);
  return found;
}

void EventHub::Tell(const Granted& granted, const CoordinationMachine& machine) {
  for (const auto& waiter : WaitersOf(granted.ticket)) waiter->OnGranted(granted.token, machine);
}

void EventHub::Tell(const WaitEnded& ended, const CoordinationMachine&) {
  for (const auto& waiter : WaitersOf(ended.ticket)) waiter->OnWaitEnded(ended.why);
}

void EventHub::Tell(const LeaderChanged& changed, const CoordinationMachine&) {
  Found<LeaderWatcher> found;
  {
    absl::MutexLock lock(&mu_);
    const auto [begin, end] = leaders_.equal_range(changed.name);
    for (auto it = begin; it != end; ++it) found.push_back(it->second);
  }
  for (const auto& watcher : found) watcher->OnLeader(changed);
}

void EventHub::Tell(const KvChanged& changed, const CoordinationMachine& machine) {
  Found<KvWatcher> found;
  {
    absl::MutexLock lock(&mu_);
    found.assign(kv_.begin(), kv_.end());
  }
  for (const auto& watcher : found) watcher->OnChanged(changed, machine);
}

void EventHub::Tell(const StateReplaced&, const CoordinationMachine& machine) {
  Found<TicketWaiter> waiters;
  Found<LeaderWatcher> observers;
  Found<KvWatcher> watchers;
  {
    absl::MutexLock lock(&mu_);
    waiters = ValuesOf(tickets_);
    observers = ValuesOf(leaders_);
    watchers.assign(kv_.begin(), kv_.end());
  }
  for (const auto& waiter : waiters) waiter->OnReplaced(machine);
  for (const auto& observer : observers) observer->OnReplaced();
  for (const auto& watcher : watchers) watcher->OnReplaced(machine);
}

EventHub::Found<LeaderWatcher> EventHub::TakeCaughtUp(Revision revision) {
  absl::MutexLock lock(&mu_);
  Found<LeaderWatcher> found;
  while (!later_.empty() && later_.begin()->first <= revision) {
    found.push_back(std::move(later_.begin()->second));
    later_.erase(later_.begin());
  }
  return found;
}

void EventHub::EndLeaderBound(const grpc::Status& waits, const grpc::Status& others) {
  Found<TicketWaiter> waiters;
  Found<Subscriber> bound;
  {
    absl::MutexLock lock(&mu_);
    tasks_.clear();
    waiters = ValuesOf(tickets_);
    bound.assign(leader_bound_.begin(), leader_bound_.end());
  }
  for (const auto& waiter : waiters) waiter->OnEnd(waits);
  for (const auto& subscriber : bound) subscriber->OnEnd(others);
}

void EventHub::EndAll(const grpc::Status& status) {
  Found<Subscriber> all;
  {
    absl::MutexLock lock(&mu_);
    ended_ = true;
    tasks_.clear();
    const auto take = [&all](const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
    take(ValuesOf(tickets_));
    take(ValuesOf(leaders_));
    take(ValuesOf(later_));
    take(kv_);
    take(leader_bound_);
  }
  for (const auto& subscriber : all) subscriber->OnEnd(status);
}

}  // namespace z4j::consensus
