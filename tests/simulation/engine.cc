#include "tests/simulation/engine.h"

#include <utility>

#include "tests/simulation/database.h"

namespace z4j::simulation {

using scheduler::DispatchCode;
using scheduler::DispatchItem;
using scheduler::DispatchResult;
using scheduler::FireReason;
using scheduler::FireRef;
using scheduler::FireState;
using scheduler::Outcome;

DispatchCode Engine::Take(const DispatchItem& item) {
  if (!taken_.insert(item.id).second) return DispatchCode::kDuplicate;
  if (!options_.database.outcomes) return DispatchCode::kAccepted;
  const FireRef run = {item.key, item.id};
  oracle_.RunBegins(run);
  const bool is_long = world_.random().OneIn(4);
  const absl::Duration takes =
      world_.Between(absl::Milliseconds(1), is_long ? absl::Seconds(3) : absl::Milliseconds(300));
  const bool fails = world_.Chance(options_.database.run_fails);
  world_.After(takes, [this, run, fails] { End(run, fails); });
  return DispatchCode::kAccepted;
}

void Engine::Watch(const std::shared_ptr<EngineLink>& link) {
  std::erase_if(links_, [](const auto& one) { return one.expired(); });
  links_.push_back(link);
  link->Tell();
}

void Engine::End(const FireRef& run, bool fails) {
  oracle_.RunEnds(run);
  Outcome& outcome = untold_[run.id];
  outcome.key = run.key;
  outcome.id = run.id;
  outcome.state = fails ? FireState::kFailed : FireState::kSucceeded;
  outcome.reason = fails ? FireReason::kTaskFailed : FireReason::kNone;
  outcome.at = kWorldBegan + world_.now();
  for (const auto& one : links_) {
    if (const auto link = one.lock()) link->Tell();
  }
}

std::vector<Outcome> Engine::Untold() const {
  std::vector<Outcome> all;
  for (const auto& [id, outcome] : untold_) all.push_back(outcome);
  return all;
}

void Engine::Told(const std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) untold_.erase(outcome.id);
}

std::optional<std::string> Engine::Missing() const {
  for (const auto& [id, outcome] : untold_) {
    if (kWorldBegan + world_.now() - outcome.at > kLateMax) return "the end of a run is not told";
  }
  return std::nullopt;
}

scheduler::AdapterInfo EngineLink::Info() const {
  scheduler::AdapterInfo info;
  info.engine = "celery";
  info.instance = "one";
  info.capabilities.outcomes = options_.database.outcomes;
  return info;
}

void EngineLink::After(absl::Duration delay, std::function<void(EngineLink&)> what) {
  world_.After(delay, [self = weak_from_this(), what = std::move(what)] {
    if (const auto link = self.lock()) what(*link);
  });
}

bool EngineLink::Send(std::vector<DispatchItem> items) {
  for (const DispatchItem& item : items) events_.sent(item);
  if (broken_) return false;
  if (!calm_ && world_.Chance(options_.database.engine_breaks)) {
    broken_ = true;
    // They may have passed before it broke; nobody here will know.
    if (world_.random().OneIn(2)) {
      for (const DispatchItem& item : items) engine_.Take(item);
    }
    After(world_.Between(absl::Milliseconds(1), absl::Milliseconds(300)),
          [](EngineLink& link) { link.events_.broken(); });
    return true;
  }
  const absl::Duration delay =
      calm_ ? absl::Milliseconds(1) : world_.Between(absl::Milliseconds(1), absl::Milliseconds(60));
  After(delay, [items = std::move(items)](EngineLink& link) { link.Answer(items); });
  return true;
}

void EngineLink::Answer(const std::vector<DispatchItem>& items) {
  if (broken_) return;
  std::vector<DispatchResult> results;
  for (const DispatchItem& item : items) {
    const bool away = !calm_ && world_.Chance(options_.database.engine_breaks);
    const DispatchCode code = away ? DispatchCode::kUnavailable : engine_.Take(item);
    results.push_back({item.key, item.id, code, ""});
  }
  events_.results(std::move(results));
}

void EngineLink::Tell() {
  if (std::exchange(telling_, true)) return;
  After(world_.Between(absl::Milliseconds(1), absl::Milliseconds(30)),
        [](EngineLink& link) { link.TellNow(); });
}

// Whoever does not lead says that it is not durable; then it is told again.
void EngineLink::TellNow() {
  telling_ = false;
  const std::vector<Outcome> ended = engine_.Untold();
  if (broken_ || ended.empty()) return;
  telling_ = true;
  events_.ended(ended, [self = weak_from_this(), ended](bool durable) {
    const auto link = self.lock();
    if (link == nullptr) return;
    if (durable) link->engine_.Told(ended);
    link->After(absl::Milliseconds(durable ? 1 : 200), [](EngineLink& link) { link.TellNow(); });
  });
}

}  // namespace z4j::simulation
