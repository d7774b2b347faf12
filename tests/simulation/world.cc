#include "tests/simulation/world.h"

#include "absl/strings/str_cat.h"

namespace z4j::simulation {

absl::Duration World::Between(absl::Duration low, absl::Duration high) {
  const int64_t span = absl::ToInt64Nanoseconds(high - low);
  return span <= 0 ? low : low + absl::Nanoseconds(random_.Below(static_cast<uint64_t>(span)));
}

void World::At(Instant when, std::function<void()> what) {
  queue_.emplace(std::pair(std::max(when, now_), next_++), std::move(what));
}

bool World::Step(Instant until) {
  if (queue_.empty() || queue_.begin()->first.first > until) {
    now_ = until;
    return false;
  }
  auto next = queue_.extract(queue_.begin());
  now_ = next.key().first;
  ++events_;
  Trace(static_cast<uint64_t>(absl::ToInt64Nanoseconds(now_)));
  next.mapped()();
  return true;
}

void World::Tell(const std::function<std::string()>& line) {
  if (!verbose_) return;
  story_.push_back(
      absl::StrCat(absl::FormatDuration(absl::Trunc(now_, absl::Microseconds(1))), "  ", line()));
}

}  // namespace z4j::simulation
