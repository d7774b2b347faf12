#include "services/consensus/raft/progress.h"

#include <algorithm>

#include "services/base/check.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {

void Inflights::Add(Index last, size_t bytes) {
  Z4J_CHECK(!Full());
  Z4J_CHECK(sent_.empty() || sent_.back().first < last);
  sent_.emplace_back(last, bytes);
  bytes_ += bytes;
}

void Inflights::FreeTo(Index match) {
  while (!sent_.empty() && sent_.front().first <= match) {
    bytes_ -= sent_.front().second;
    sent_.pop_front();
  }
}

void Inflights::Clear() {
  sent_.clear();
  bytes_ = 0;
}

void Progress::BecomeProbe() {
  // After a snapshot the peer has at least that; it may have been the newest thing it lacked.
  const Index has = state == State::kSnapshot ? std::max(match, pending_snapshot) : match;
  if (state == State::kReplicate) Hit(Mark::kBecameProbe);
  state = State::kProbe;
  next = has + 1;
  pending_snapshot = {};
  probe_sent = false;
  commit_sent = {};
  inflights.Clear();
}

void Progress::BecomeReplicate() {
  state = State::kReplicate;
  next = match + 1;
  pending_snapshot = {};
  probe_sent = false;
  commit_sent = {};
  inflights.Clear();
}

void Progress::BecomeSnapshot(Index snapshot) {
  state = State::kSnapshot;
  pending_snapshot = snapshot;
  next = snapshot + 1;
  probe_sent = false;
  inflights.Clear();
}

bool Progress::Paused() const {
  switch (state) {
    case State::kProbe:
      return probe_sent;
    case State::kReplicate:
      return inflights.Full();
    case State::kSnapshot:
      return true;
  }
  return true;
}

bool Progress::TakeMatch(Index answered_match) {
  if (answered_match <= match) return false;
  match = answered_match;
  next = std::max(next, match + 1);
  probe_sent = false;
  return true;
}

bool Progress::TakeReject(Index rejected_prev, Index try_prev) {
  if (state == State::kSnapshot) return false;
  const bool stray = state == State::kReplicate
                         ? rejected_prev <= match
                         : rejected_prev + 1 != next || rejected_prev <= match;
  if (Broken(Rule::kRejectsMayBeStray) && rejected_prev < match) match = try_prev;
  if (stray && !Broken(Rule::kRejectsMayBeStray)) {
    Hit(Mark::kStrayReject);
    return false;
  }
  if (state == State::kReplicate) {
    BecomeProbe();
    return true;
  }
  if (try_prev + 1 < rejected_prev) Hit(Mark::kHintSkippedTerm);
  next = std::max(std::min(rejected_prev, try_prev + 1), match + 1);
  probe_sent = false;
  return true;
}

void Progress::SentEntries(Index last, size_t bytes) {
  if (state == State::kProbe) {
    probe_sent = true;
    return;
  }
  Z4J_CHECK(state == State::kReplicate);
  next = last + 1;
  inflights.Add(last, bytes);
}

}  // namespace z4j::consensus
