#ifndef Z4J_CONSENSUS_MACHINE_TESTING_MACHINE_DRIVER_H_
#define Z4J_CONSENSUS_MACHINE_TESTING_MACHINE_DRIVER_H_

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "services/consensus/machine/codec.h"
#include "services/consensus/machine/coordination_machine.h"

namespace z4j::consensus {

// A log of one machine, for tests: each call is the next entry.
class MachineDriver {
 public:
  CoordinationMachine machine;
  Index index;        // Of the last entry.
  ClusterTime time;   // Stamped on entries.
  std::string bytes;  // The last answer.

  void Advance(absl::Duration duration) { time = time + duration; }

  Answer Apply(Command command, std::optional<RequestId> request = std::nullopt) {
    return ApplyBytes(EncodeCommand({time, std::move(request), std::move(command)}));
  }
  Answer ApplyBytes(std::string_view command) {
    index = index + 1;
    bytes = machine.Apply(index, command);
    return *DecodeAnswer(bytes);
  }

  SessionId Open(absl::Duration ttl = absl::Seconds(10)) {
    return std::get<SessionOpened>(Apply(OpenSession{++nonce_, ttl, "test"}).body).session;
  }
  // The session's next request; all before it were answered.
  RequestId Next(SessionId session) {
    const uint64_t sequence = ++sequences_[session];
    return {session, sequence, sequence};
  }
  RequestId NextOfClient(uint64_t client) {
    const uint64_t sequence = ++client_sequences_[client];
    return {RequestId::Client{client}, sequence, sequence};
  }

  Answer Join(ClaimKind kind, SessionId session, const std::string& name,
              absl::Duration wait = absl::Seconds(60), std::string value = "") {
    return Apply(Enter{kind, name, std::move(value), wait}, Next(session));
  }
  Answer Give(ClaimKind kind, SessionId session, const std::string& name, Token token,
              SessionId successor = {}) {
    return Apply(Release{kind, name, token, successor}, Next(session));
  }
  Answer Expire(SessionId session) {
    return Apply(ExpireSession{session, machine.sessions().Find(session)->renewals});
  }
  Answer Txn(KvTxn txn) { return Apply(std::move(txn), NextOfClient(1)); }
  Answer Put(const std::string& key, std::string value) {
    return Txn({{}, {{key, KvPut{std::move(value)}}}, {}});
  }

  // The session that holds `name`; none: 0.
  SessionId HolderOf(ClaimKind kind, const std::string& name) const {
    const Claim* claim = machine.claims(kind).Find(name);
    return claim == nullptr ? SessionId{} : claim->holder.session;
  }
  // The events of one type since the last call, which takes them all.
  template <typename E>
  std::vector<E> Take() {
    std::vector<E> taken;
    for (Event& event : machine.TakeEvents()) {
      if (auto* wanted = std::get_if<E>(&event)) taken.push_back(std::move(*wanted));
    }
    return taken;
  }

 private:
  uint64_t nonce_ = 0;
  std::map<SessionId, uint64_t> sequences_;
  std::map<uint64_t, uint64_t> client_sequences_;
};

inline Token TokenOf(const Answer& answer) { return std::get<Entered>(answer.body).token; }
inline Ticket TicketOf(const Answer& answer) { return std::get<Entered>(answer.body).ticket; }
inline bool ChangedBy(const Answer& answer) { return std::get<Done>(answer.body).changed; }

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_TESTING_MACHINE_DRIVER_H_
