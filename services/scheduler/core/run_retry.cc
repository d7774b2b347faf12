#include "services/scheduler/core/run_retry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

bool Names(const RunRetry& policy, RunEnd end) {
  if (policy.on.empty()) return end == RunEnd::kFailed;
  return std::find(policy.on.begin(), policy.on.end(), end) != policy.on.end();
}

}  // namespace

FireState EndUnder(const RunRetry& policy, FireState state) {
  const bool fails = state == FireState::kLost && policy.on_lost == OnLost::kFail;
  return fails ? FireState::kFailed : state;
}

bool IsRepeated(const RunRetry& policy, int run, FireState state, FireReason reason) {
  if (run >= policy.max_attempts) return false;
  if (state == FireState::kLost) return policy.on_lost == OnLost::kRetry;
  if (state != FireState::kFailed) return false;
  switch (reason) {
    case FireReason::kRejected:
    case FireReason::kEngineUnavailable:
    case FireReason::kWorkerLost:
      return false;
    case FireReason::kExpiredInQueue:
      return Names(policy, RunEnd::kExpiredInQueue);
    default:
      return Names(policy, RunEnd::kFailed);
  }
}

absl::Duration BackoffBefore(const RunRetry& policy, int run) {
  absl::Duration wait = policy.initial_backoff;
  // Stops at the bound, so that a hundred tenfold waits do not become an infinite one.
  for (int i = 2; i < run && wait < policy.max_backoff; ++i) wait *= policy.backoff_multiplier;
  return absl::Floor(std::min(wait, policy.max_backoff), absl::Microseconds(1));
}

Fire RetryOf(const Fire& fire, absl::Time at, absl::Time now) {
  Fire retry;
  retry.run = fire.run + 1;
  retry.retry_of = fire.id;
  retry.key = fire.key;
  retry.key.trigger = Uuid::FromName(fire.id.value, absl::StrCat("run ", retry.run));
  retry.id = MakeFireId(retry.key);
  retry.kind = FireKind::kRetry;
  retry.first_due_at = fire.key.due_at;
  retry.dispatch_after = at;
  retry.decided_at = now;
  retry.args_json = fire.args_json;
  retry.kwargs_json = fire.kwargs_json;
  return retry;
}

}  // namespace z4j::scheduler
