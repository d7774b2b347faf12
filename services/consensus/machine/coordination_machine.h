#ifndef Z4J_CONSENSUS_MACHINE_COORDINATION_MACHINE_H_
#define Z4J_CONSENSUS_MACHINE_COORDINATION_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/machine/answer.h"
#include "services/consensus/machine/claims.h"
#include "services/consensus/machine/cluster_time.h"
#include "services/consensus/machine/command.h"
#include "services/consensus/machine/event.h"
#include "services/consensus/machine/kv.h"
#include "services/consensus/machine/sessions.h"
#include "services/consensus/machine/state_machine.h"

// Sessions, elections, locks and keys, decided by the log.  Commands are Envelopes and answers are
// Answers (codec.h).  Not thread-safe: the thread that applies also reads.
namespace z4j::consensus {

class CoordinationMachine final : public StateMachine {
 public:
  // An entry at or below applied() is answered with kApplied and changes nothing: the state and how
  // far it has come are one value, so neither can be stored without the other.
  std::string Apply(Index index, std::string_view command) override;

  std::string Save() const override;
  // Afterwards TakeEvents() has one StateReplaced.
  absl::Status Load(std::string_view bytes) override;

  // O(1): a chain over every entry applied, its answer, and the counts it left, kept in the state.
  // So it also tells apart two equal states with different histories.
  uint64_t Hash() const override { return hash_; }

  // What happened since the last call, in order.
  std::vector<Event> TakeEvents();

  // --- What a leader needs ------------------------------------------------------------------
  ClusterTime now() const { return now_; }
  // When the next wait ends, or a client is forgotten: propose Tick then.  kNever: nothing waits.
  ClusterTime NextDeadline() const;
  const Sessions& sessions() const { return sessions_; }

  // --- Reads.  Linearizable if the caller waited for a read index first ------------------------
  Index applied() const { return applied_; }
  Epoch epoch() const { return epoch_; }
  Revision revision() const { return RevisionAt(epoch_, applied_); }
  const Claims& claims(ClaimKind kind) const {
    return kind == ClaimKind::kElection ? elections_ : locks_;
  }
  const Kv& kv() const { return kv_; }

 private:
  // Each answers a command that CheckEnvelope passed and that was not answered before.
  Answer Do(const OpenSession& command, const Envelope& envelope, Turn& turn);
  Answer Do(const CloseSession& command, const Envelope& envelope, Turn& turn);
  Answer Do(const RenewSessions& command, const Envelope& envelope, Turn& turn);
  Answer Do(const ExpireSession& command, const Envelope& envelope, Turn& turn);
  Answer Do(const BeginLeadership& command, const Envelope& envelope, Turn& turn);
  Answer Do(const Tick& command, const Envelope& envelope, Turn& turn);
  Answer Do(const SetEpoch& command, const Envelope& envelope, Turn& turn);
  Answer Do(const Enter& command, const Envelope& envelope, Turn& turn);
  Answer Do(const Leave& command, const Envelope& envelope, Turn& turn);
  Answer Do(const Release& command, const Envelope& envelope, Turn& turn);
  Answer Do(const ForceRelease& command, const Envelope& envelope, Turn& turn);
  Answer Do(const Proclaim& command, const Envelope& envelope, Turn& turn);
  Answer Do(const KvTxn& command, const Envelope& envelope, Turn& turn);

  // Ends `session` and gives what it held to those who wait.  False: there is none.
  bool EndSession(SessionId session, bool expired, Turn& turn);
  void Chain(Index index, std::string_view command, std::string_view answer);

  static auto Fields(auto& s) {
    return std::tie(s.applied_, s.epoch_, s.now_, s.last_token_, s.hash_, s.sessions_, s.elections_,
                    s.locks_, s.kv_);
  }
  Claims& ClaimsOf(ClaimKind kind) { return kind == ClaimKind::kElection ? elections_ : locks_; }

  Index applied_;
  Epoch epoch_;
  ClusterTime now_;
  Token last_token_;
  uint64_t hash_ = 0;
  Sessions sessions_;
  Claims elections_{ClaimKind::kElection};
  Claims locks_{ClaimKind::kLock};
  Kv kv_;
  std::vector<Event> events_;  // Not part of the state.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_COORDINATION_MACHINE_H_
