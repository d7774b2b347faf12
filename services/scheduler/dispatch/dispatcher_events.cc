// What links tell the dispatcher; see dispatcher.h.
#include <algorithm>
#include <utility>

#include "services/base/log.h"
#include "services/scheduler/dispatch/backoff.h"
#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// So many refusals in a row mean that the broker was away, not that one fire is bad: its return is
// the moment to try the others again.
constexpr int kUnavailableRun = 3;

// What may be stored of an engine's message: no NUL (PostgreSQL has none in texts), and cut
// between two characters of UTF-8.
std::string Clean(const std::string& error) {
  std::string text = error;
  std::erase(text, '\0');
  if (text.size() > kErrorBytesMax) {
    size_t end = kErrorBytesMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
  }
  return text;
}

}  // namespace

void Dispatcher::OnConnected(std::shared_ptr<AdapterLink> link) {
  MonotoneMutexLock lock(&mu_);
  const LinkSet::Link* added = links_.Add(std::move(link), clock_.Now());
  queue_.Hasten(added->info.engine);
  BeginLookUps(*added);
  Wake();
}

void Dispatcher::OnDisconnected(const AdapterLink& link) {
  MonotoneMutexLock lock(&mu_);
  const LinkSet::Link* gone = links_.Find(link);
  if (gone == nullptr) return;
  const MonoTime mono = clock_.MonoNow();
  engines_[gone->info.engine].lost_adapter = mono;
  std::vector<Entry*> unknown;
  queue_.ForEach([&](Entry* entry) {
    if (entry->place == FireQueue::Place::kInFlight && entry->link == &link) {
      unknown.push_back(entry);
    }
  });
  // Whether the broker has them is unknown; the same id goes out again, at once.
  for (Entry* entry : unknown) queue_.Return(entry, mono, mono);
  // It watched how some runs go.  The others take that up when they are asked after them.
  awaited_.Hasten(gone->info.engine);
  links_.Remove(link);
  Wake();
}

void Dispatcher::OnResults(const AdapterLink& link, std::vector<DispatchResult> results) {
  {
    MonotoneMutexLock lock(&mu_);
    LinkSet::Link* from = links_.Find(link);
    if (!active_ || from == nullptr) return;
    const absl::Time now = clock_.Now();
    const MonoTime mono = clock_.MonoNow();
    for (const DispatchResult& result : results) OnResult(from, result, now, mono);
    Wake();
  }
  ReportEnded();
}

void Dispatcher::OnResult(LinkSet::Link* link, const DispatchResult& result, absl::Time now,
                          MonoTime mono) {
  Entry* entry = queue_.Find(result.id);
  if (entry == nullptr || entry->place == FireQueue::Place::kSettled) return;
  const bool is_there =
      entry->place == FireQueue::Place::kInFlight && entry->link == link->link.get();
  switch (result.code) {
    case DispatchCode::kAccepted:
    case DispatchCode::kDuplicate:
      // Also from a link that was given up on: the broker has it all the same.
      Accepted(entry, link, now);
      return;
    case DispatchCode::kRejected:
      if (metrics_) metrics_->DispatchRejected(entry->pool->key.route.engine);
      EndFire(entry, FireState::kFailed, FireReason::kRejected, Clean(result.message), now);
      return;
    case DispatchCode::kUnavailable:
      if (is_there) Unavailable(entry, result.message, now, mono);
      return;
    case DispatchCode::kReturned:
      // In case it crossed what says so: nothing would stop it from coming back here again.
      Leaves(link, mono);
      if (!is_there) return;
      Detach(entry);
      queue_.ReturnUntried(entry);
      return;
  }
}

void Dispatcher::Accepted(Entry* entry, const LinkSet::Link* link, absl::Time now) {
  Engine& engine = engines_[link->info.engine];
  if (std::exchange(engine.unavailable_in_a_row, 0) >= kUnavailableRun) {
    queue_.Hasten(link->info.engine);
  }
  Detach(entry);
  FireUpdate update;
  update.key = entry->fire.key;
  update.id = entry->fire.id;
  update.state = FireState::kDispatched;
  update.at = now;
  update.attempts = entry->fire.attempts;
  update.adapter = link->info.instance;
  writer_.AddSettled(std::move(update), entry->fire.batch_id);
  // Nothing more will be heard of it, so it must not hold back the runs after it.
  if (!link->outcomes) ended_.push_back(entry->fire.id);
  if (link->info.capabilities.lookup) {
    const FireRef fire = {entry->fire.key, entry->fire.id};
    const std::string& instance = link->info.instance;
    if (!awaited_.Add(link->info.engine, instance, fire, clock_.MonoNow())) unended_left_ = true;
  }
  if (metrics_) {
    metrics_->Dispatched(link->info.engine, entry->fire.kind, now - entry->fire.dispatch_after);
    metrics_->Fired(FireState::kDispatched, FireReason::kNone);
  }
  queue_.Settle(entry, now);
}

void Dispatcher::Unavailable(Entry* entry, const std::string& message, absl::Time now,
                             MonoTime mono) {
  const std::string& name = entry->pool->key.route.engine;
  ++engines_[name].unavailable_in_a_row;
  const RetryPolicy& retry = entry->fire.target->retry;
  if (retry.max_attempts > 0 && entry->fire.attempts >= retry.max_attempts) {
    EndFire(entry, FireState::kFailed, FireReason::kEngineUnavailable, Clean(message), now);
    return;
  }
  if (metrics_) metrics_->DispatchRetried(name);
  Detach(entry);
  queue_.Return(entry, mono + BackoffOf(retry, entry->fire.attempts, random_()), mono);
}

void Dispatcher::OnOutcomes(const AdapterLink& link, std::vector<Outcome> outcomes,
                            std::function<void(bool durable)> done) {
  std::vector<FireUpdate> updates;
  {
    MonotoneMutexLock lock(&mu_);
    const LinkSet::Link* from = links_.Find(link);
    if (active_ && from != nullptr) {
      updates.reserve(outcomes.size());
      for (Outcome& outcome : outcomes) {
        // Its answer may be on the way, or lost with a connection: the engine plainly has it.
        Entry* entry = queue_.Find(outcome.id);
        if (entry != nullptr && entry->place != FireQueue::Place::kSettled) {
          Accepted(entry, from, std::min(clock_.Now(), outcome.at));
        }
        FireUpdate& update = updates.emplace_back();
        update.key = outcome.key;
        update.id = outcome.id;
        update.state = outcome.state;
        update.reason = outcome.reason;
        update.at = outcome.at;
        update.error = Clean(outcome.error);
        if (IsFinal(outcome.state)) {
          // Whether there is another run is decided with the end; the writer says when.
          if (!MayBeRepeated(outcome.state)) ended_.push_back(outcome.id);
          awaited_.Remove(outcome.id);
          if (metrics_) metrics_->Fired(outcome.state, outcome.reason);
        }
      }
      Wake();
    }
  }
  if (updates.empty()) {
    done(outcomes.empty());
    return;
  }
  writer_.AddOutcomes(std::move(updates), std::move(done));
  ReportEnded();
}

void Dispatcher::OnHeartbeat(const AdapterLink& link, double load, std::string health) {
  AdapterInfo info = link.Info();  // What it can do may have changed.
  MonotoneMutexLock lock(&mu_);
  LinkSet::Link* from = links_.Find(link);
  if (from == nullptr) return;
  from->outcomes = info.capabilities.outcomes;
  const bool could_look_up = from->info.capabilities.lookup;
  from->info = std::move(info);
  if (!could_look_up) BeginLookUps(*from);
  from->load = std::clamp(load, 0.0, 1.0);
  from->last_heartbeat = clock_.Now();
  if (!from->health.empty() && health.empty()) {
    queue_.Hasten(from->info.engine);  // Its broker is back.
    Wake();
  }
  from->health = std::move(health);
}

void Dispatcher::OnLeaving(const AdapterLink& link) {
  MonotoneMutexLock lock(&mu_);
  LinkSet::Link* from = links_.Find(link);
  if (from == nullptr) return;
  Leaves(from, clock_.MonoNow());
  Wake();  // What waited for it alone may go elsewhere.
}

void Dispatcher::Leaves(LinkSet::Link* link, MonoTime mono) {
  if (std::exchange(link->leaving, true)) return;
  // Whoever takes its place has as long to come as after it is gone.
  engines_[link->info.engine].lost_adapter = mono;
  LogInfo("an adapter is being stopped; it is given nothing more",
          {{"engine", link->info.engine}, {"instance", link->info.instance}});
}

}  // namespace z4j::scheduler
