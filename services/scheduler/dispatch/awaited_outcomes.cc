#include "services/scheduler/dispatch/awaited_outcomes.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace z4j::scheduler {
namespace {

const MonoTime kNever = {absl::InfiniteDuration()};

}  // namespace

bool AwaitedOutcomes::Add(const std::string& engine, const std::string& instance,
                          const FireRef& fire, MonoTime now) {
  return AddTo(engines_[engine][instance].later[0], fire, now);
}

bool AwaitedOutcomes::AddOld(const std::string& engine, const std::string& instance,
                             const FireRef& fire, MonoTime since) {
  return AddTo(engines_[engine][instance].now, fire, since);
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
  for (auto& [instance, lists] : found->second) {
    for (List& list : lists.later) {
      list.reverse();
      lists.now.splice(lists.now.end(), list);
    }
    for (Awaited& awaited : lists.now) awaited.home = &lists.now;
  }
}

bool AwaitedOutcomes::IsEmpty(const Lists& lists) {
  return lists.now.empty() && std::all_of(lists.later.begin(), lists.later.end(),
                                          [](const List& list) { return list.empty(); });
}

void AwaitedOutcomes::TakeFrom(Engine& engine, Lists& lists, MonoTime now, size_t limit,
                               std::vector<FireRef>& taken) {
  Lists& anyone = engine[""];
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
    awaited->home = &anyone.later[awaited->level];
    awaited->home->splice(awaited->home->end(), list, awaited);
  };
  // Whoever was hastened begins anew, or a restart of the adapter could cost an hour.
  while (!lists.now.empty() && taken.size() < limit) take(lists.now, 0);
  for (int level = 0; level < kLevels; ++level) {
    List& list = lists.later[level];
    while (!list.empty() && taken.size() < limit && !(now < list.front().ask_at)) {
      take(list, level + 1);
    }
  }
}

std::vector<FireRef> AwaitedOutcomes::Take(const std::string& name, const std::string& instance,
                                           IsThere is_there, MonoTime now, int limit) {
  std::vector<FireRef> taken;
  const auto found = engines_.find(name);
  if (found == engines_.end()) return taken;
  Engine& engine = found->second;
  // Its own first.
  if (const auto own = engine.find(instance); own != engine.end()) {
    TakeFrom(engine, own->second, now, limit, taken);
  }
  for (auto& [home, lists] : engine) {
    if (home.empty() || !is_there(home)) TakeFrom(engine, lists, now, limit, taken);
  }
  // Instances come and go under ever new names.
  std::erase_if(engine, [](const auto& one) { return !one.first.empty() && IsEmpty(one.second); });
  return taken;
}

MonoTime AwaitedOutcomes::NextOf(const std::string& name, const std::string& instance,
                                 IsThere is_there) const {
  const auto found = engines_.find(name);
  if (found == engines_.end()) return kNever;
  MonoTime next = kNever;
  for (const auto& [home, lists] : found->second) {
    if (!home.empty() && home != instance && is_there(home)) continue;
    if (!lists.now.empty()) return {absl::ZeroDuration()};
    for (const List& list : lists.later) {
      if (!list.empty()) next = std::min(next, list.front().ask_at);
    }
  }
  return next;
}

void AwaitedOutcomes::Clear() {
  engines_.clear();
  index_.clear();
}

}  // namespace z4j::scheduler
