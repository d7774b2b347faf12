#include "services/consensus/raft/lease.h"

#include "services/base/check.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {

void SendLog::Add(Sent sent) {
  Z4J_CHECK(sent_.empty() || sent_.back().id < sent.id);
  if (sent_.size() >= kSendsTrackedMax) sent_.pop_front();
  sent_.push_back(sent);
}

std::optional<Sent> SendLog::Take(uint64_t id) {
  while (!sent_.empty() && sent_.front().id < id) sent_.pop_front();
  if (sent_.empty() || sent_.front().id != id) return std::nullopt;
  const Sent sent = sent_.front();
  sent_.pop_front();
  return sent;
}

absl::Duration LeaseDuration(absl::Duration election_timeout) {
  return election_timeout * kLeasePercent / 100;
}

}  // namespace z4j::consensus
