#include "services/consensus/node/measures.h"

#include <algorithm>

namespace z4j::consensus {

void RecentDurations::Add(absl::Duration duration) {
  if (kept_.size() < kKept) {
    kept_.push_back(duration);
  } else {
    kept_[next_] = duration;
    next_ = (next_ + 1) % kKept;
  }
}

absl::Duration RecentDurations::Percentile(int percent) const {
  if (kept_.empty()) return absl::ZeroDuration();
  std::vector<absl::Duration> sorted = kept_;
  const size_t rank = (sorted.size() * percent + 99) / 100;
  const auto wanted = sorted.begin() + (std::max<size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), wanted, sorted.end());
  return *wanted;
}

void LongestOfMinute::Add(MonoTime now, absl::Duration duration) {
  while (!falling_.empty() && falling_.back().second <= duration) falling_.pop_back();
  falling_.emplace_back(now, duration);
  while (falling_.front().first + absl::Minutes(1) < now) falling_.pop_front();
}

absl::Duration LongestOfMinute::At(MonoTime now) const {
  for (const auto& [at, duration] : falling_) {
    if (at + absl::Minutes(1) >= now) return duration;
  }
  return absl::ZeroDuration();
}

}  // namespace z4j::consensus
