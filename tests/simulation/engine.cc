#include "tests/simulation/engine.h"

#include <utility>

namespace z4j::simulation {

using scheduler::DispatchCode;
using scheduler::DispatchItem;
using scheduler::DispatchResult;

scheduler::AdapterInfo EngineLink::Info() const {
  scheduler::AdapterInfo info;
  info.engine = "celery";
  info.instance = "one";
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
      for (const DispatchItem& item : items) engine_.Take(item.id);
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
    const DispatchCode code = away ? DispatchCode::kUnavailable : engine_.Take(item.id);
    results.push_back({item.key, item.id, code, ""});
  }
  events_.results(std::move(results));
}

}  // namespace z4j::simulation
