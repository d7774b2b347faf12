#include "services/scheduler/dispatch/link_set.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

LinkSet::Link* LinkSet::Add(std::shared_ptr<AdapterLink> link, absl::Time now) {
  auto added = std::make_unique<Link>();
  added->info = link->Info();
  added->max_in_flight = std::clamp(added->info.max_in_flight, 1, kInFlightPerAdapterMax);
  added->last_heartbeat = now;
  added->hash = StableHash(added->info.instance);
  added->outcomes = added->info.capabilities.outcomes;
  added->link = std::move(link);
  Link* const result = added.get();
  by_link_[result->link.get()] = result;
  engines_[result->info.engine].push_back(std::move(added));
  return result;
}

void LinkSet::Remove(const AdapterLink& link) {
  const auto found = by_link_.find(&link);
  if (found == by_link_.end()) return;
  const std::string engine = found->second->info.engine;
  Group& group = engines_[engine];
  std::erase_if(group, [&](const auto& held) { return held.get() == found->second; });
  if (group.empty()) engines_.erase(engine);
  by_link_.erase(found);
}

LinkSet::Link* LinkSet::Find(const AdapterLink& link) {
  const auto found = by_link_.find(&link);
  return found == by_link_.end() ? nullptr : found->second;
}

std::vector<LinkSet::Link*> LinkSet::Candidates(const Route& route) const {
  std::vector<Link*> candidates;
  const auto found = engines_.find(route.engine);
  if (found == engines_.end()) return candidates;
  for (const auto& link : found->second) {
    if (!link->leaving && MayTake(route, link->info.queues, link->info.labels)) {
      candidates.push_back(link.get());
    }
  }
  return candidates;
}

double LinkSet::CostOf(const Link& link, size_t place, size_t count, ScheduleId schedule) const {
  switch (balance_) {
    case Balance::kRoundRobin:
      return static_cast<double>((place + count - turn_ % count) % count);
    case Balance::kLeastLoaded:
      return static_cast<double>(link.in_flight) / link.max_in_flight + link.load;
    case Balance::kAffinity:
      return static_cast<double>(absl::HashOf(schedule, link.hash) >> 11);
  }
  return 0;
}

LinkSet::Link* LinkSet::Choose(const std::vector<Link*>& candidates, ScheduleId schedule,
                               int affinity_slot) {
  const auto is_full = [](const Link& link) { return link.in_flight >= link.max_in_flight; };
  if (affinity_slot != kNoAffinity) {
    Link* own = nullptr;
    std::pair<bool, uint64_t> best;
    for (Link* link : candidates) {
      const std::pair rank(link->health.empty(), AffinityWeight(affinity_slot, link->hash));
      if (own == nullptr || rank > best) {
        own = link;
        best = rank;
      }
    }
    return own == nullptr || is_full(*own) ? nullptr : own;
  }
  Link* best = nullptr;
  std::pair<bool, double> best_cost;
  ++turn_;
  for (size_t i = 0; i < candidates.size(); ++i) {
    Link& link = *candidates[i];
    if (is_full(link)) continue;
    const std::pair cost(!link.health.empty(), CostOf(link, i, candidates.size(), schedule));
    if (best == nullptr || cost < best_cost) {
      best = &link;
      best_cost = cost;
    }
  }
  return best;
}

LinkSet::Link* LinkSet::Preferred(const std::string& engine, const std::string& instance) {
  const auto found = engines_.find(engine);
  if (found == engines_.end()) return nullptr;
  for (const auto& link : found->second) {
    if (link->info.instance == instance) return link.get();
  }
  return found->second.front().get();
}

const LinkSet::Link* LinkSet::Instance(const std::string& engine,
                                       const std::string& instance) const {
  const auto found = engines_.find(engine);
  if (found == engines_.end()) return nullptr;
  for (const auto& link : found->second) {
    if (link->info.instance == instance) return link.get();
  }
  return nullptr;
}

bool LinkSet::IsBlind(const std::string& engine) const {
  const auto found = engines_.find(engine);
  return found != engines_.end() && std::none_of(found->second.begin(), found->second.end(),
                                                 [](const auto& link) { return link->outcomes; });
}

std::string LinkSet::WhyBlind(const std::string& engine, const std::string& instance) const {
  const auto found = engines_.find(engine);
  if (found == engines_.end()) return absl::StrCat("no adapter for ", engine, " is connected");
  const Link* speaker = nullptr;  // The instance itself, or one that can tell, or any.
  for (const auto& link : found->second) {
    if (speaker == nullptr || (link->outcomes && !speaker->outcomes)) speaker = link.get();
    if (link->info.instance == instance) {
      speaker = link.get();
      break;
    }
  }
  if (speaker->outcomes) return "";
  const std::string& hint = speaker->info.capabilities.outcomes_hint;
  if (!hint.empty()) return hint;
  return absl::StrCat("adapter ", speaker->info.instance, " cannot tell how runs end");
}

bool LinkSet::CanLookUp(const std::string& engine) const {
  const auto found = engines_.find(engine);
  return found != engines_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [](const auto& link) { return link->info.capabilities.lookup; });
}

bool LinkSet::LooksUp(const std::string& engine, const std::string& instance) const {
  const auto found = engines_.find(engine);
  return found != engines_.end() &&
         std::any_of(found->second.begin(), found->second.end(), [&](const auto& link) {
           return link->info.instance == instance && link->info.capabilities.lookup && !link->mute;
         });
}

std::vector<LinkSet::Link*> LinkSet::ToLookUp(const std::string& engine, MonoTime unanswered) {
  std::vector<Link*> links;
  const auto found = engines_.find(engine);
  if (found == engines_.end()) return links;
  for (const auto& link : found->second) {
    const bool free = !link->looking_up.has_value() || *link->looking_up < unanswered;
    const bool able = link->info.capabilities.lookup && !link->leaving;
    if (able && free) links.push_back(link.get());
  }
  std::stable_sort(links.begin(), links.end(),
                   [](const Link* a, const Link* b) { return a->look_ups < b->look_ups; });
  return links;
}

std::vector<std::string> LinkSet::Engines() const {
  std::vector<std::string> names;
  for (const auto& [engine, group] : engines_) names.push_back(engine);
  return names;
}

std::vector<AdapterStatus> LinkSet::Statuses() const {
  std::vector<AdapterStatus> statuses;
  for (const auto& [engine, group] : engines_) {
    for (const auto& link : group) {
      statuses.push_back({link->info, link->in_flight, link->load, link->last_heartbeat,
                          link->health, link->leaving});
    }
  }
  return statuses;
}

EngineOffers LinkSet::Offers() const {
  EngineOffers offers;
  for (const auto& [engine, group] : engines_) {
    for (const auto& link : group) {
      offers[engine].push_back(OfferOf(link->info));
      offers[engine].back().leaving = link->leaving;
    }
  }
  return offers;
}

int64_t LinkSet::InFlight(const std::string& engine) const {
  const auto found = engines_.find(engine);
  if (found == engines_.end()) return 0;
  int64_t in_flight = 0;
  for (const auto& link : found->second) in_flight += link->in_flight;
  return in_flight;
}

int64_t LinkSet::InFlight() const {
  int64_t in_flight = 0;
  for (const auto& [link, held] : by_link_) in_flight += held->in_flight;
  return in_flight;
}

void LinkSet::ForgetInFlight() {
  for (auto& [link, held] : by_link_) held->in_flight = 0;
}

}  // namespace z4j::scheduler
