#include "services/consensus/client/pursuit.h"

#include <utility>

namespace z4j::consensus::client {
namespace {

// What was asked for under a number that the cluster has forgotten: it cannot say what became of
// it.
bool Forgot(const Failure& failure) {
  return failure.reason == Reason::kSessionLost || failure.reason == Reason::kSequenceForgotten;
}

// A request that was done under its number has its first answer, so any other answer says that it
// was not; if the node asked the log at all.
bool SpeaksForEarlierAttempts(const Failure& failure) {
  return failure.outcome == Outcome::kRefused && failure.reason != Reason::kOther;
}

}  // namespace

Pursuit::Next Pursuit::Failed(Failure failure, bool hinted) {
  if (Forgot(failure)) {
    // This one was not done; and here it is known whether there were others.
    failure.outcome = may_be_done_ ? Outcome::kUnknown : Outcome::kRefused;
    return failure;
  }
  const bool unknown = failure.outcome == Outcome::kUnknown;
  may_be_done_ |= unknown;
  if (unknown && repeat_ == Repeat::kIfNotDone) return failure;
  if (hinted) return absl::ZeroDuration();
  if (failure.reason == Reason::kNotLeader || failure.reason == Reason::kDropped ||
      failure.reason == Reason::kInterrupted || failure.reason == Reason::kNoAnswer) {
    return backoff_.AskNext();
  }
  if (unknown) return backoff_.Wait();
  if (may_be_done_ && !SpeaksForEarlierAttempts(failure)) failure.outcome = Outcome::kUnknown;
  return failure;
}

Failure Pursuit::GiveUp(Reason reason, absl::Status status) const {
  Failure failure;
  failure.outcome = may_be_done_ ? Outcome::kUnknown : Outcome::kNotDone;
  failure.reason = reason;
  failure.status = std::move(status);
  return failure;
}

}  // namespace z4j::consensus::client
