#include "services/consensus/client/keep_alive.h"

#include <algorithm>

#include "services/consensus/client/limits.h"

namespace z4j::consensus::client {

MonoTime TrustedUntil(MonoTime sent, absl::Duration ttl) {
  return sent + (ttl - std::max(ttl * kTrustMarginPercent / 100, kTrustMarginMin));
}

KeepAlive::KeepAlive(absl::Duration ttl, size_t nodes, uint64_t seed)
    : ttl_(ttl), backoff_(nodes, seed) {}

KeepAlive::Step KeepAlive::Next(MonoTime now) const {
  if (lost_) return {Act::kRest, {}};
  if (!connected_) return now < dial_at_ ? Step{Act::kWait, dial_at_} : Step{Act::kDial, {}};
  if (dropped_) return {Act::kWait, now + ttl_};  // Its end comes by itself.
  MonoTime next = sign_at_;
  if (!unanswered_.empty()) {
    const MonoTime patience = unanswered_.front() + ttl_ / kSilentPartOfTtl;
    if (now >= patience) return {Act::kDrop, {}};
    next = std::min(next, patience);
  }
  return now < next ? Step{Act::kWait, next} : Step{Act::kSign, {}};
}

void KeepAlive::Dialed(MonoTime now) {
  connected_ = true;
  dropped_ = false;
  answers_ = 0;
  sign_at_ = now;
}

void KeepAlive::Signed(MonoTime now) {
  unanswered_.push_back(now);
  sign_at_ = now + ttl_ / kSignsPerTtl;
}

void KeepAlive::Answered(bool lost, absl::Duration ttl) {
  if (lost_ || unanswered_.empty()) return;
  if (lost) {
    Lost();
    return;
  }
  ttl_ = ttl;
  trusted_until_ = TrustedUntil(unanswered_.front(), ttl);
  unanswered_.pop_front();
  // Only now: a node that ends each stream after its first answer is not dialed all the time.
  if (++answers_ > 1) backoff_.Reset();
}

void KeepAlive::Ended(MonoTime now, bool hinted) {
  connected_ = dropped_ = false;
  unanswered_.clear();
  trusted_until_.reset();  // Whoever ended it may have ended the session too.
  dial_at_ = now + (hinted ? absl::ZeroDuration() : backoff_.AskNext());
}

void KeepAlive::Lost() {
  lost_ = true;
  trusted_until_.reset();
}

}  // namespace z4j::consensus::client
