// Outcomes that nobody heard, and how they are asked for; see dispatcher.h.
#include <algorithm>
#include <utility>

#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

void Dispatcher::BeginLookUps(const LinkSet::Link& link) {
  if (!link.info.capabilities.lookup) return;
  awaited_.Hasten(link.info.engine);
  unended_wanted_ = true;
}

bool Dispatcher::WantsUnended() {
  MonotoneMutexLock lock(&mu_);
  if (!active_) return false;
  if (unended_left_ && awaited_.size() <= kAwaitedMax / 2) unended_wanted_ = true;
  if (unended_wanted_) unended_left_ = false;
  return std::exchange(unended_wanted_, false);
}

bool Dispatcher::AwaitOutcomes(const std::vector<UnendedFire>& fires) {
  MonotoneMutexLock lock(&mu_);
  if (!active_) return false;
  const absl::Time now = clock_.Now();
  const MonoTime mono = clock_.MonoNow();
  for (const UnendedFire& unended : fires) {
    // When an adapter comes that can, all are read again.
    if (!links_.CanLookUp(unended.engine)) continue;
    const absl::Duration age =
        std::clamp(now - unended.dispatched_at, absl::ZeroDuration(), kLookUpFor);
    if (awaited_.AddOld(unended.engine, unended.fire, mono + -age)) continue;
    unended_left_ = true;
    break;
  }
  Wake();
  return !unended_left_;
}

std::vector<Dispatcher::Asking> Dispatcher::AssignLookUps(MonoTime mono, absl::Duration* sleep) {
  std::vector<Asking> asking;
  for (const std::string& engine : links_.Engines()) {
    LinkSet::Link* link = links_.ToLookUp(engine, mono + -kAnswerMax);
    while (link != nullptr && !(mono < awaited_.NextOf(engine))) {
      link->looking_up = mono;
      ++link->look_ups;
      asking.push_back({link->link, awaited_.Take(engine, mono, kFiresPerLookUp)});
      link = links_.ToLookUp(engine, mono + -kAnswerMax);
    }
    // With none free an answer wakes us, or its time is over.
    const absl::Duration next = awaited_.NextOf(engine) - mono;
    *sleep = std::min(*sleep, link != nullptr ? next : std::max(next, kAnswerMax));
  }
  return asking;
}

void Dispatcher::OnLookedUp(const AdapterLink& link) {
  MonotoneMutexLock lock(&mu_);
  LinkSet::Link* from = links_.Find(link);
  if (from == nullptr) return;
  from->looking_up.reset();
  Wake();
}

std::string Dispatcher::WhyBlind(const std::string& engine, const std::string& instance) const {
  MonotoneMutexLock lock(&mu_);
  return links_.WhyBlind(engine, instance);
}

}  // namespace z4j::scheduler
