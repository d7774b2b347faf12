#include "services/scheduler/dispatch/awaited_outcomes.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace z4j::scheduler {
namespace {

const MonoTime kNever = {absl::InfiniteDuration()};

}  // namespace

bool AwaitedOutcomes::Add(const std::string& engine, const FireRef& fire, MonoTime now) {
  return AddTo(engines_[engine].later[0], fire, now);
}

bool AwaitedOutcomes::AddOld(const std::string& engine, const FireRef& fire, MonoTime since) {
  return AddTo(engines_[engine].now, fire, since);
}

bool AwaitedOutcomes::AddTo(List& home, const FireRef& fire, MonoTime since) {
  if (index_.contains(fire.id)) return true;
  if (size() >= kAwaitedMax) return false;
  home.push_back({fire, since, since + kFirstLookUpAfter, /*level=*/0, &home});
  index_[fire.id] = std::prev(home.end());
  return true;
}

void AwaitedOutcomes::Remove(FireId id) {
  const auto found = index_.find(id);
  if (found == index_.end()) return;
  found->second->home->erase(found->second);
  index_.erase(found);
}

void AwaitedOutcomes::Hasten(const std::string& name) {
  const auto found = engines_.find(name);
  if (found == engines_.end()) return;
  Engine& engine = found->second;
  for (List& list : engine.later) {
    list.reverse();
    engine.now.splice(engine.now.end(), list);
  }
  for (Awaited& awaited : engine.now) awaited.home = &engine.now;
}

std::vector<FireRef> AwaitedOutcomes::Take(const std::string& name, MonoTime now, int limit) {
  std::vector<FireRef> taken;
  const auto found = engines_.find(name);
  if (found == engines_.end()) return taken;
  Engine& engine = found->second;
  const auto take = [&](List& list, int next_level) {
    const auto awaited = list.begin();
    taken.push_back(awaited->fire);
    if (!(now < awaited->since + kLookUpFor)) {
      index_.erase(awaited->fire.id);
      list.erase(awaited);
      return;
    }
    awaited->level = std::min(next_level, kLevels - 1);
    awaited->ask_at = now + std::min(kFirstLookUpAfter * (1 << awaited->level), kLookUpEvery);
    awaited->home = &engine.later[awaited->level];
    awaited->home->splice(awaited->home->end(), list, awaited);
  };
  const auto full = [&] { return static_cast<int>(taken.size()) >= limit; };
  // Whoever was hastened begins anew, or a restart of the adapter could cost an hour.
  while (!engine.now.empty() && !full()) take(engine.now, 0);
  for (int level = 0; level < kLevels; ++level) {
    List& list = engine.later[level];
    while (!list.empty() && !full() && !(now < list.front().ask_at)) take(list, level + 1);
  }
  return taken;
}

MonoTime AwaitedOutcomes::NextOf(const std::string& name) const {
  const auto found = engines_.find(name);
  if (found == engines_.end()) return kNever;
  if (!found->second.now.empty()) return {absl::ZeroDuration()};
  MonoTime next = kNever;
  for (const List& list : found->second.later) {
    if (!list.empty()) next = std::min(next, list.front().ask_at);
  }
  return next;
}

void AwaitedOutcomes::Clear() {
  engines_.clear();
  index_.clear();
}

}  // namespace z4j::scheduler
