#include "services/consensus/admission/connection_limiter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/retry_after.h"

namespace z4j::consensus {
namespace {

const Rate kFailures{.every = absl::Minutes(1) / kFailedGreetingsPerMinute,
                     .burst = kFailedGreetingsPerMinute};
const Rate kStrangers{.every = absl::Minutes(1) / kStrangersPerMinute,
                      .burst = kStrangersPerMinute};

}  // namespace

absl::Status ConnectionLimiter::Admit(const std::string& source, MonoTime now) {
  const auto found = sources_.find(source);
  if (found != sources_.end()) {
    Source& known = found->second;
    if (now < known.banned_until) {
      if (now < known.next_try) {
        return RetryAfter(
            absl::ResourceExhaustedError(absl::StrCat("too many failed attempts from ", source)),
            known.next_try - now);
      }
      known.next_try = now + kBannedTryEvery;
    }
    if (now < known.trusted_until) return absl::OkStatus();
  }
  const absl::Duration wait = strangers_.Take(kStrangers, now);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return RetryAfter(absl::ResourceExhaustedError("too many attempts of strangers"), wait);
}

void ConnectionLimiter::Greeted(const std::string& source, MonoTime now) {
  Source& known = Find(source, now);
  known = Source{};
  known.trusted_until = now + kSourceTrustedFor;
  known.seen = now;
}

bool ConnectionLimiter::Refused(const std::string& source, MonoTime now) {
  Source& known = Find(source, now);
  known.seen = now;
  if (now < known.banned_until || known.failures.Take(kFailures, now) == absl::ZeroDuration()) {
    return false;
  }
  known.banned_until = now + kSourceBan;
  known.next_try = now + kBannedTryEvery;
  return true;
}

ConnectionLimiter::Source& ConnectionLimiter::Find(const std::string& source, MonoTime now) {
  const auto found = sources_.find(source);
  if (found != sources_.end()) return found->second;
  if (sources_.size() >= kSourcesMax) MakeRoom(now);
  return sources_[source];
}

// Whoever owns many addresses can push out others that failed, at the price of all of its own
// attempts; whom a node came from stays.
void ConnectionLimiter::MakeRoom(MonoTime now) {
  auto oldest = sources_.end();
  for (auto it = sources_.begin(); it != sources_.end();) {
    const Source& known = it->second;
    if (known.banned_until <= now && known.trusted_until <= now && known.failures.full(now)) {
      sources_.erase(it++);
      continue;
    }
    const auto worth = [now](const Source& s) { return std::pair(now < s.trusted_until, s.seen); };
    if (oldest == sources_.end() || worth(known) < worth(oldest->second)) oldest = it;
    ++it;
  }
  if (sources_.size() >= kSourcesMax) sources_.erase(oldest);
}

}  // namespace z4j::consensus
