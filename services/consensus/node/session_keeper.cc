#include "services/consensus/node/session_keeper.h"

#include <algorithm>

#include "services/consensus/limits.h"

namespace z4j::consensus {

void SessionKeeper::Heard(SessionId session, MonoTime now) {
  heard_[session] = now;
  unreported_.insert(session);
}

std::vector<Command> SessionKeeper::Due(MonoTime now, const CoordinationMachine& machine) {
  std::vector<Command> due;
  if (now < next_due_) return due;
  next_due_ = now + kSessionSweepEvery;

  const auto& sessions = machine.sessions().all();
  for (const auto& [id, session] : sessions) {
    auto heard = heard_.find(id);
    // A session opened under this leader is first heard when it is opened: not later than now.
    const MonoTime last = heard != heard_.end() ? heard->second : begun_;
    const ClusterTime alive_until = std::max(clock_.At(last), session.renewed) + session.ttl;
    if (clock_.At(now) < alive_until) continue;
    auto [proposed, first] = proposed_expiry_.try_emplace(id, session.renewals);
    if (!first && proposed->second == session.renewals) continue;  // Is on its way.
    proposed->second = session.renewals;
    due.push_back(ExpireSession{id, session.renewals});
  }
  std::erase_if(heard_, [&](const auto& entry) { return !sessions.contains(entry.first); });

  if (now >= last_checkpoint_ + kCheckpointEvery) {
    last_checkpoint_ = now;
    // A bound may have refused what was proposed: once more then, which changes nothing if not.
    proposed_expiry_.clear();
    proposed_tick_ = {};
    std::erase_if(unreported_, [&](SessionId id) { return !sessions.contains(id); });
    if (!unreported_.empty()) {
      due.push_back(RenewSessions{{unreported_.begin(), unreported_.end()}});
      unreported_.clear();
    }
  }

  const ClusterTime deadline = machine.NextDeadline();
  if (deadline != kNever && deadline <= clock_.At(now) && proposed_tick_ < deadline) {
    proposed_tick_ = deadline;
    due.push_back(Tick{});
  }
  return due;
}

}  // namespace z4j::consensus
