#include "services/scheduler/rpc/wait_reasons.h"

namespace z4j::scheduler {

void WaitReasons::Explain(NamedFire& named) {
  if (named.fire.state != FireState::kPending || named.fire.reason != FireReason::kNone) return;
  const auto [found, is_new] = known_.try_emplace(named.schedule, FireReason::kNone);
  if (is_new) {
    const auto stored = store_.GetSchedule(named.schedule);
    // Of a schedule that is gone nothing is known; its fires are being cancelled.
    if (stored.ok()) found->second = cluster_.WaitReason(stored->schedule.engine);
  }
  named.fire.reason = found->second;
}

}  // namespace z4j::scheduler
