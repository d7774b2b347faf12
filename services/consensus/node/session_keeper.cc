#include "services/consensus/node/session_keeper.h"

#include <algorithm>

#include "services/consensus/limits.h"

namespace z4j::consensus {

void SessionKeeper::Heard(SessionId session, MonoTime now) {
  heard_[session] = now;
  unreported_.insert(session);
}

void SessionKeeper::Refused() {
  for (SessionId session : given_) proposed_expiry_.erase(session);
  proposed_tick_ = {};
}

bool SessionKeeper::Expiring(SessionId session, const CoordinationMachine& machine) const {
  auto proposed = proposed_expiry_.find(session);
  const Session* found = machine.sessions().Find(session);
  return proposed != proposed_expiry_.end() && found != nullptr &&
         proposed->second == found->renewals;
}

std::vector<Command> SessionKeeper::Due(MonoTime now, const CoordinationMachine& machine) {
  std::vector<Command> due;
  if (now < next_due_) return due;
  next_due_ = now + kSessionSweepEvery;
  given_.clear();

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
    given_.push_back(id);
    due.push_back(ExpireSession{id, session.renewals});
  }
  const auto ended = [&](const auto& entry) { return !sessions.contains(entry.first); };
  std::erase_if(heard_, ended);
  std::erase_if(proposed_expiry_, ended);

  if (now >= last_checkpoint_ + kCheckpointEvery) {
    last_checkpoint_ = now;
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
