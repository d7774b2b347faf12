#include "services/scheduler/dispatch/dispatcher.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "services/base/log.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr int kPoolShare = 100;  // Fires of one pool before the next has its turn.
constexpr absl::Duration kSweepPeriod = absl::Seconds(1);

}  // namespace

Dispatcher::Dispatcher(UpdateWriter& writer, Clock& clock, SchedulerMetrics* metrics,
                       Options options)
    : writer_(writer),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      links_(options_.balance),
      random_(options_.seed) {}

Dispatcher::~Dispatcher() { Stop(); }

void Dispatcher::Begin() {
  MonotoneMutexLock lock(&mu_);
  active_ = true;
  draining_ = false;
  began_ = clock_.MonoNow();
  next_sweep_ = began_;
  for (const std::string& engine : links_.Engines()) unended_wanted_ |= links_.CanLookUp(engine);
  Wake();
}

void Dispatcher::End() {
  MonotoneMutexLock lock(&mu_);
  active_ = holding_ = false;
  queue_.Clear();
  links_.ForgetInFlight();
  awaited_.Clear();
  unended_wanted_ = unended_left_ = false;
  for (auto& [name, engine] : engines_) {
    engine.overflow_from.reset();
    engine.refilling = false;
  }
  durable_meanwhile_.clear();
  ended_.clear();
  ShowGauges(absl::InfiniteFuture());
}

void Dispatcher::Hold() {
  MonotoneMutexLock lock(&mu_);
  holding_ = true;
}

void Dispatcher::Release() {
  MonotoneMutexLock lock(&mu_);
  holding_ = false;
  Wake();
}

void Dispatcher::Drain(absl::Duration timeout) {
  MonotoneMutexLock lock(&mu_);
  draining_ = true;
  const auto answered = [this]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return links_.InFlight() == 0; };
  mu_.AwaitAtMost(timeout, absl::Condition(&answered));
}

bool Dispatcher::Enqueue(std::vector<QueuedFire> fires) {
  MonotoneMutexLock lock(&mu_);
  if (!active_) return true;
  const absl::Time now = clock_.Now();
  bool all = true;
  for (QueuedFire& fire : fires) {
    Engine& engine = engines_[fire.target->engine];
    // Once some were left out, later ones are too, or they would overtake.
    if (!engine.overflow_from.has_value() && queue_.size() >= kPendingInMemoryMax &&
        queue_.SizeOf(fire.target->engine) >= kPendingInMemoryMax) {
      engine.overflow_from = fire.batch_id;
      engine.refilling = false;
      LogWarning("the queue of an engine is full; further fires wait in the store",
                 {{"engine", fire.target->engine}});
    }
    if (engine.overflow_from.has_value()) {
      if (queue_.Find(fire.id) != nullptr) continue;
      engine.overflow_from = std::min(*engine.overflow_from, fire.batch_id);
      all = false;
      continue;
    }
    queue_.Add(std::move(fire), now);
  }
  Wake();
  return all;
}

void Dispatcher::BeginReload() {
  MonotoneMutexLock lock(&mu_);
  ++reloading_;
}

void Dispatcher::EndReload() {
  MonotoneMutexLock lock(&mu_);
  if (--reloading_ > 0) return;
  for (auto& [name, engine] : engines_) engine.refilling = false;
  for (const FireId id : durable_meanwhile_) queue_.Forget(id);
  durable_meanwhile_.clear();
}

std::optional<int64_t> Dispatcher::ReloadFrom() {
  MonotoneMutexLock lock(&mu_);
  std::optional<int64_t> from;
  for (auto& [name, engine] : engines_) {
    if (!engine.overflow_from.has_value()) continue;
    if (queue_.SizeOf(name) > kPendingInMemoryMax / 2) continue;
    const int64_t after = *std::exchange(engine.overflow_from, std::nullopt) - 1;
    from = std::min(from.value_or(after), after);
    engine.refilling = true;
  }
  return from;
}

bool Dispatcher::Refilled() {
  MonotoneMutexLock lock(&mu_);
  return std::none_of(engines_.begin(), engines_.end(),
                      [](const auto& engine) { return engine.second.refilling; });
}

void Dispatcher::ForgetLocked(FireId id) {
  if (reloading_ > 0) {
    durable_meanwhile_.push_back(id);
  } else {
    queue_.Forget(id);
  }
}

void Dispatcher::OnDurable(const std::vector<FireId>& ids) {
  MonotoneMutexLock lock(&mu_);
  for (const FireId id : ids) ForgetLocked(id);
}

// --- The turn ---------------------------------------------------------------------------------

absl::Duration Dispatcher::RunOnce() {
  std::vector<Sending> sends;
  std::vector<Asking> asks;
  absl::Duration sleep = absl::InfiniteDuration();
  {
    MonotoneMutexLock lock(&mu_);
    woken_ = false;
    if (!active_) return sleep;
    const absl::Time now = clock_.Now();
    const MonoTime mono = clock_.MonoNow();
    queue_.WakeDue(now, mono);
    if (!(mono < next_sweep_)) Sweep(now, mono);
    // What adapters answer must be written: they are given no more than the store keeps up with.
    const bool behind = writer_.queued() >= kUpdatesQueuedToSend;
    const bool waits = draining_ || holding_ || behind;
    if (!waits) sends = Assign(now, mono);
    sleep = std::min(queue_.NextJittered() - now, queue_.NextBackedOff() - mono);
    if (!waits) asks = AssignLookUps(mono, &sleep);
    // Once more after the last fire has left: the gauges must not show it for ever.
    if (queue_.size() > 0 || shown_ > 0) sleep = std::min(sleep, next_sweep_ - mono);
    if (behind) sleep = std::min(sleep, kUpdatesFlushAfter);
  }
  // Without the lock: a link may call back.  If it is closed then OnDisconnected follows, or came
  // before, and takes the items back.
  for (Sending& send : sends) send.link->Send(std::move(send.items));
  for (const Asking& ask : asks) ask.link->LookUp(ask.fires);
  ReportEnded();
  return std::max(sleep, absl::ZeroDuration());
}

std::vector<Dispatcher::Sending> Dispatcher::Assign(absl::Time now, MonoTime mono) {
  std::map<LinkSet::Link*, std::vector<DispatchItem>> items;
  std::vector<FireQueue::PoolKey> keys;
  for (const auto& [key, pool] : queue_.pools()) {
    if (!pool.ready.empty()) keys.push_back(key);
  }
  // Pools take turns, so that a big one does not keep a small one from a shared adapter, whose room
  // may be gone before all had theirs.
  std::rotate(keys.begin(), std::upper_bound(keys.begin(), keys.end(), last_served_), keys.end());
  while (!keys.empty()) {
    std::erase_if(keys, [&](const auto& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      const auto found = queue_.pools().find(key);
      if (found == queue_.pools().end()) return true;
      const int taken = AssignPool(found->second, kPoolShare, now, mono, items);
      if (taken > 0) last_served_ = key;
      return taken < kPoolShare;
    });
  }
  std::vector<Sending> sends;
  for (auto& [link, all] : items) {
    for (size_t begin = 0; begin < all.size(); begin += kFiresPerDispatchBatch) {
      const size_t end = std::min(all.size(), begin + kFiresPerDispatchBatch);
      sends.push_back({link->link,
                       {std::make_move_iterator(all.begin() + begin),
                        std::make_move_iterator(all.begin() + end)}});
    }
  }
  return sends;
}

int Dispatcher::AssignPool(FireQueue::Pool& pool, int limit, absl::Time now, MonoTime mono,
                           std::map<LinkSet::Link*, std::vector<DispatchItem>>& sends) {
  const std::vector<LinkSet::Link*> candidates = links_.Candidates(pool.key.route);
  const int slot = pool.key.slot;
  int taken = 0;
  for (; taken < limit && !pool.ready.empty(); ++taken) {
    Entry* entry = *pool.ready.begin();
    const bool last = pool.size == 1;  // Then the pool goes with it.
    if (EndIfExpired(entry, !candidates.empty(), now, mono)) {
      if (last) return taken;
      continue;
    }
    LinkSet::Link* link = links_.Choose(candidates, entry->fire.key.schedule, slot);
    if (link == nullptr) break;
    queue_.MarkInFlight(entry, link->link.get(), mono);
    ++link->in_flight;
    const QueuedFire& fire = entry->fire;
    sends[link].push_back(
        {fire.key, fire.id, fire.dispatch_after, fire.attempts, fire.target->task});
  }
  return taken;
}

void Dispatcher::Sweep(absl::Time now, MonoTime mono) {
  next_sweep_ = mono + kSweepPeriod;
  std::vector<Entry*> entries;
  absl::Time oldest = absl::InfiniteFuture();
  queue_.ForEach([&](Entry* entry) {
    entries.push_back(entry);
    if (entry->place == FireQueue::Place::kReady || entry->place == FireQueue::Place::kBackedOff) {
      // A retry is not late by the time that the runs before it took.
      const QueuedFire& fire = entry->fire;
      const bool retry = fire.kind == FireKind::kRetry;
      oldest = std::min(oldest, retry ? fire.dispatch_after : fire.key.due_at);
    }
  });
  // Few pools have many entries.  One that goes amid this is not asked for again.
  absl::flat_hash_map<const FireQueue::Pool*, bool> served;
  for (Entry* entry : entries) {
    const auto [found, is_new] = served.try_emplace(entry->pool);
    if (is_new) found->second = links_.Serves(entry->pool->key.route);
    if (entry->place != FireQueue::Place::kInFlight) {
      EndIfExpired(entry, found->second, now, mono);
    } else if (mono - entry->since > kAnswerMax) {
      Unavailable(entry, "the adapter did not answer", now, mono);
    }
  }
  ShowGauges(oldest);
}

void Dispatcher::ShowGauges(absl::Time oldest) {
  shown_ = queue_.size();
  if (metrics_ == nullptr) return;
  metrics_->SetBacklog(queue_.size(), oldest);
  for (const auto& [name, engine] : engines_) metrics_->SetInFlight(name, links_.InFlight(name));
}

bool Dispatcher::EndIfExpired(Entry* entry, bool served, absl::Time now, MonoTime mono) {
  const QueuedFire& fire = entry->fire;
  const absl::Duration expires = fire.target->task->expires;
  if (expires > absl::ZeroDuration()) {
    if (now <= fire.dispatch_after + expires) return false;
    EndFire(entry, FireState::kSkipped, served ? FireReason::kExpired : FireReason::kNoAdapter, "",
            now);
    return true;
  }
  if (served) return false;
  // Adapters need a moment to come back after this node or theirs was restarted.
  const MonoTime alone = std::max(began_, engines_[entry->pool->key.route.engine].lost_adapter);
  const absl::Time until =
      std::max(fire.dispatch_after, fire.decided_at) + fire.target->catch_up_window;
  if (now <= until || mono - alone < kNoAdapterGrace) return false;
  EndFire(entry, FireState::kSkipped, FireReason::kNoAdapter, "", now);
  return true;
}

void Dispatcher::EndFire(Entry* entry, FireState state, FireReason reason, std::string error,
                         absl::Time now) {
  Detach(entry);
  FireUpdate update;
  update.key = entry->fire.key;
  update.id = entry->fire.id;
  update.state = state;
  update.reason = reason;
  update.at = now;
  update.attempts = entry->fire.attempts;
  update.error = std::move(error);
  writer_.AddSettled(std::move(update), entry->fire.batch_id);
  ended_.push_back(entry->fire.id);
  queue_.Settle(entry, now);
  if (metrics_) metrics_->Fired(state, reason);
}

void Dispatcher::Detach(Entry* entry) {
  if (entry->place != FireQueue::Place::kInFlight) return;
  if (LinkSet::Link* link = links_.Find(*entry->link)) --link->in_flight;
}

void Dispatcher::ReportEnded() {
  std::vector<FireId> ended;
  {
    MonotoneMutexLock lock(&mu_);
    ended.swap(ended_);
  }
  if (!ended.empty()) options_.on_ended(std::move(ended));
}

void Dispatcher::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Dispatcher::Loop() {
  while (true) {
    const absl::Duration sleep = RunOnce();
    MonotoneMutexLock lock(&mu_);
    const auto awake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return woken_ || stopping_; };
    mu_.AwaitAtMost(sleep, absl::Condition(&awake));
    if (stopping_) return;
  }
}

void Dispatcher::Stop() {
  {
    MonotoneMutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::scheduler
