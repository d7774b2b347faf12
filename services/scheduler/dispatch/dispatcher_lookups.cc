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
    if (awaited_.AddOld(unended.engine, unended.adapter, unended.fire, mono + -age)) continue;
    unended_left_ = true;
    break;
  }
  Wake();
  return !unended_left_;
}

std::vector<Dispatcher::Asking> Dispatcher::AssignLookUps(MonoTime mono, absl::Duration* sleep) {
  std::vector<Asking> asking;
  for (const std::string& engine : links_.Engines()) {
    const auto is_there = [&](const std::string& instance) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return links_.LooksUp(engine, instance);
    };
    // Whoever is busy wakes us by his answer, or his time is over.
    *sleep = std::min(*sleep, kAnswerMax);
    for (LinkSet::Link* link : links_.ToLookUp(engine, mono + -kAnswerMax)) {
      const std::string& instance = link->info.instance;
      if (!(mono < awaited_.NextOf(engine, instance, is_there))) {
        link->mute = link->looking_up.has_value();
        link->looking_up = mono;
        ++link->look_ups;
        asking.push_back(
            {link->link, awaited_.Take(engine, instance, is_there, mono, kFiresPerLookUp)});
      } else {
        *sleep = std::min(*sleep, awaited_.NextOf(engine, instance, is_there) - mono);
      }
    }
  }
  return asking;
}

void Dispatcher::OnLookedUp(const AdapterLink& link) {
  MonotoneMutexLock lock(&mu_);
  LinkSet::Link* from = links_.Find(link);
  if (from == nullptr) return;
  from->looking_up.reset();
  from->mute = false;
  Wake();
}

std::string Dispatcher::WhyBlind(const std::string& engine, const std::string& instance) const {
  MonotoneMutexLock lock(&mu_);
  return links_.WhyBlind(engine, instance);
}

}  // namespace z4j::scheduler
