#ifndef Z4J_CONSENSUS_NODE_SESSION_KEEPER_H_
#define Z4J_CONSENSUS_NODE_SESSION_KEEPER_H_

#include <map>
#include <set>
#include <vector>

#include "services/base/mono_time.h"
#include "services/consensus/machine/coordination_machine.h"

// What a leader remembers between two log entries: when it heard each session last, and when it
// last told the log.  Lives as long as a leadership.  Pure.
//
// A sign of life costs no log entry: every kCheckpointEvery the sessions heard since then become
// one RenewSessions.  A session not heard for its TTL (at least; on the leader's clock) is proposed
// to expire, which the machine refuses if it was renewed meanwhile.
namespace z4j::consensus {

class SessionKeeper {
 public:
  // `begun`: when this leader began; every session counts as heard then.
  SessionKeeper(MonoTime begun, ClusterTime reached) : begun_(begun), clock_(reached, begun) {}

  void Heard(SessionId session, MonoTime now);
  ClusterTime Now(MonoTime now) const { return clock_.At(now); }

  // What to propose now.  `machine` is the state that this leader has applied.
  std::vector<Command> Due(MonoTime now, const CoordinationMachine& machine);
  // What Due() gave last was not taken into the log: it will be given again.
  void Refused();
  // Whether the log holds an expiry of the session that may still take effect: it must not be
  // called alive before that is decided.
  bool Expiring(SessionId session, const CoordinationMachine& machine) const;
  // When to ask again at the latest.
  MonoTime NextDue() const { return next_due_; }

 private:
  MonoTime begun_;
  LeaderClock clock_;
  std::map<SessionId, MonoTime> heard_;
  std::set<SessionId> unreported_;  // Heard since the last checkpoint.
  MonoTime last_checkpoint_ = begun_;
  MonoTime next_due_ = begun_;
  ClusterTime proposed_tick_;                      // The newest deadline a Tick was proposed for.
  std::vector<SessionId> given_;                   // Expiries that Due() gave last.
  std::map<SessionId, uint64_t> proposed_expiry_;  // With the renewals it was seen at.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_SESSION_KEEPER_H_
