// What the dispatcher answers and what it is asked to drop; see dispatcher.h.
#include <algorithm>
#include <utility>

#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
bool Dispatcher::Holds(FireId id) {
  MonotoneMutexLock lock(&mu_);
  const Entry* entry = queue_.Find(id);
  return entry != nullptr && entry->place != FireQueue::Place::kSettled;
}

bool Dispatcher::Cancel(FireId id) {
  std::shared_ptr<AdapterLink> ask;
  FireKey key;
  {
    MonotoneMutexLock lock(&mu_);
    Entry* entry = queue_.Find(id);
    if (entry == nullptr || entry->place == FireQueue::Place::kSettled) return false;
    key = entry->fire.key;
    if (entry->place == FireQueue::Place::kInFlight) {
      if (LinkSet::Link* link = links_.Find(*entry->link)) ask = link->link;
    } else {
      writer_.RowGone(entry->fire.batch_id);
      queue_.Settle(entry, clock_.Now());
      ForgetLocked(id);
      ended_.push_back(id);
    }
  }
  if (ask != nullptr) ask->Cancel(key, id, /*terminate=*/true);
  ReportEnded();
  return true;
}

void Dispatcher::CancelSchedule(ScheduleId id) {
  std::vector<FireId> fires;
  {
    MonotoneMutexLock lock(&mu_);
    for (const Entry* entry : queue_.OfSchedule(id)) fires.push_back(entry->fire.id);
  }
  for (const FireId fire : fires) Cancel(fire);
}

void Dispatcher::CancelAtEngine(const std::string& engine, const std::string& instance,
                                const FireKey& key, FireId id, bool terminate) {
  std::shared_ptr<AdapterLink> ask;
  {
    MonotoneMutexLock lock(&mu_);
    if (LinkSet::Link* link = links_.Preferred(engine, instance)) ask = link->link;
  }
  if (ask != nullptr) ask->Cancel(key, id, terminate);
}

void Dispatcher::Ask(const std::string& engine, const std::string& instance,
                     const AdapterQuestion& question, OnAnswer done) {
  std::shared_ptr<AdapterLink> ask;
  absl::Status refused;
  {
    MonotoneMutexLock lock(&mu_);
    if (const LinkSet::Link* link = links_.Instance(engine, instance); link == nullptr) {
      refused = absl::NotFoundError("the adapter is not connected to this node");
    } else {
      refused = CheckCan(link->info.capabilities, question);
      ask = link->link;
    }
  }
  if (!refused.ok()) return done(refused);
  ask->Ask(question, clock_.MonoNow() + kAskMax, std::move(done));
}

WaitCause Dispatcher::WhyWaits(const Route& route) const {
  MonotoneMutexLock lock(&mu_);
  return WhyWaitsLocked(route);
}

WaitCause Dispatcher::WhyWaitsLocked(const Route& route) const {
  if (!links_.Serves(route)) return {FireReason::kNoAdapter, WhyNobody(route, links_.Offers())};
  const auto found = engines_.find(route.engine);
  const bool refused = found != engines_.end() && found->second.unavailable_in_a_row > 0;
  return {refused ? FireReason::kEngineUnavailable : FireReason::kNone, ""};
}

bool Dispatcher::IsBlind(const std::string& engine) const {
  MonotoneMutexLock lock(&mu_);
  return links_.IsBlind(engine);
}

std::vector<EngineStatus> Dispatcher::Engines() const {
  MonotoneMutexLock lock(&mu_);
  std::map<std::string, EngineStatus> engines;
  for (const AdapterStatus& adapter : links_.Statuses()) ++engines[adapter.info.engine].adapters;
  for (const auto& [key, pool] : queue_.pools()) {
    EngineStatus& status = engines[key.route.engine];
    status.waiting += pool.size;
    if (!pool.ready.empty()) {
      status.oldest_due = std::min(status.oldest_due, (*pool.ready.begin())->fire.key.due_at);
    }
    if (status.reason == FireReason::kNone && !links_.Serves(key.route)) {
      WaitCause cause = WhyWaitsLocked(key.route);
      status.reason = cause.reason;
      status.note = std::move(cause.note);
    }
  }
  std::vector<EngineStatus> result;
  for (auto& [name, status] : engines) {
    status.engine = name;
    status.in_flight = links_.InFlight(name);
    if (status.reason == FireReason::kNone) status.reason = WhyWaitsLocked({name}).reason;
    result.push_back(std::move(status));
  }
  return result;
}

std::vector<AdapterStatus> Dispatcher::Adapters() const {
  MonotoneMutexLock lock(&mu_);
  return links_.Statuses();
}

EngineOffers Dispatcher::Offers() const {
  MonotoneMutexLock lock(&mu_);
  return links_.Offers();
}

int64_t Dispatcher::queued() const {
  MonotoneMutexLock lock(&mu_);
  return queue_.size();
}

}  // namespace z4j::scheduler
