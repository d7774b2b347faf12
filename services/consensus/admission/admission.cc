#include "services/consensus/admission/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/base/retry_after.h"
#include "services/consensus/admission/source.h"

namespace z4j::consensus {
namespace {

// Walking all names costs a millisecond; a bucket is full again within a second.
constexpr absl::Duration kSweepEvery = absl::Seconds(1);

Rate PerSecond(int count) {
  return {.every = absl::Seconds(1) / std::max(count, 1), .burst = std::max(count, 1)};
}

const char* NameOf(Lane lane) {
  return lane == Lane::kVital ? "for sessions, elections and members" : "for keys and locks";
}

constexpr char kSetting[] = "the node's setting max_requests_per_second";

absl::Status TooMany(absl::string_view what, absl::Duration wait) {
  return RetryAfter(
      absl::ResourceExhaustedError(absl::StrCat(
          what, "; try again in ", absl::FormatDuration(absl::Ceil(wait, absl::Milliseconds(1))))),
      wait);
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
    : requests_per_second_(requests_per_second), lanes_{Full(), Full()} {}

Admission::Allowance Admission::Full() const {
  return {{PerSecond(requests_per_second_), kConnectionsMax},
          {PerSecond(requests_per_second_ * kConnectionsWorthOfRequests), kSourcesMax}};
}

absl::Status Admission::Admit(const std::string& peer, Lane lane, MonoTime now) {
  if (requests_per_second_ == 0) return absl::OkStatus();
  const std::string source = SourceOf(peer);
  absl::Duration connection_waits, source_waits;
  {
    absl::MutexLock lock(&mu_);
    Allowance& allowance = lanes_[static_cast<size_t>(lane)];
    connection_waits = allowance.connections.Take(peer, now);
    if (connection_waits == absl::ZeroDuration()) {
      source_waits = allowance.sources.Take(source, now);
    }
  }
  if (connection_waits > absl::ZeroDuration()) {
    return TooMany(absl::StrCat("this client makes more than ", requests_per_second_,
                                " calls a second ", NameOf(lane), ", which is ", kSetting),
                   connection_waits);
  }
  if (source_waits > absl::ZeroDuration()) {
    return TooMany(
        absl::StrCat("the clients of ", source, " together make more than ",
                     requests_per_second_ * kConnectionsWorthOfRequests, " calls a second ",
                     NameOf(lane), ", ", kConnectionsWorthOfRequests, " times ", kSetting),
        source_waits);
  }
  return absl::OkStatus();
}

}  // namespace z4j::consensus
