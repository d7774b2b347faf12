#include "services/consensus/admission/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/retry_after.h"
#include "services/consensus/admission/source.h"

namespace z4j::consensus {
namespace {

// Walking all names costs a millisecond; a bucket is full again within a second.
constexpr absl::Duration kSweepEvery = absl::Seconds(1);

Rate PerSecond(int count) {
  return {.every = absl::Seconds(1) / std::max(count, 1), .burst = std::max(count, 1)};
}

}  // namespace

absl::Duration NamedBuckets::Take(const std::string& name, MonoTime now) {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return found->second.Take(rate_, now);
  if (buckets_.size() >= names_max_ && now >= next_sweep_) {
    absl::erase_if(buckets_, [now](const auto& entry) { return entry.second.full(now); });
    next_sweep_ = now + kSweepEvery;
  }
  if (buckets_.size() >= names_max_) return shared_.Take(rate_, now);
  return buckets_[name].Take(rate_, now);
}

Admission::Admission(int requests_per_second)
    : requests_per_second_(requests_per_second),
      connections_(PerSecond(requests_per_second), kConnectionsMax),
      sources_(PerSecond(requests_per_second * kConnectionsWorthOfRequests), kSourcesMax) {}

absl::Status Admission::Admit(const std::string& peer, MonoTime now) {
  if (requests_per_second_ == 0) return absl::OkStatus();
  const std::string source = SourceOf(peer);
  absl::MutexLock lock(&mu_);
  absl::Duration wait = connections_.Take(peer, now);
  if (wait == absl::ZeroDuration()) wait = sources_.Take(source, now);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return RetryAfter(absl::ResourceExhaustedError(absl::StrCat("more than ", requests_per_second_,
                                                              " calls a second from one client")),
                    wait);
}

}  // namespace z4j::consensus
