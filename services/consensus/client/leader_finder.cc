#include "services/consensus/client/leader_finder.h"

#include <utility>

#include "services/base/check.h"

namespace z4j::consensus::client {

LeaderFinder::LeaderFinder(std::vector<std::string> endpoints, size_t first)
    : endpoints_(std::move(endpoints)) {
  Z4J_CHECK(!endpoints_.empty());
  next_ = (first + 1) % endpoints_.size();
  target_ = endpoints_[first % endpoints_.size()];
}

bool LeaderFinder::Leads(const std::string& endpoint) {
  if (sure_ && target_ == endpoint) return false;
  target_ = endpoint;
  sure_ = true;
  return true;
}

bool LeaderFinder::DoesNotLead(const std::string& endpoint, const std::optional<LeaderHint>& hint) {
  const bool was_target = endpoint == target_;
  if (was_target) MoveOn();
  if (!hint.has_value() || hint->address == endpoint) return false;
  const bool newer = hint->term > term_;
  if (!newer && (!was_target || since_hint_ <= endpoints_.size())) return false;
  term_ = hint->term;
  since_hint_ = 0;
  if (sure_ && target_ == hint->address) return true;
  target_ = hint->address;
  sure_ = false;
  return true;
}

void LeaderFinder::Failed(const std::string& endpoint) {
  if (endpoint == target_) MoveOn();
}

void LeaderFinder::MoveOn() {
  sure_ = false;
  ++since_hint_;
  if (endpoints_[next_] == target_) next_ = (next_ + 1) % endpoints_.size();
  target_ = endpoints_[next_];
  next_ = (next_ + 1) % endpoints_.size();
}

}  // namespace z4j::consensus::client
