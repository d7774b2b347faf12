#ifndef Z4J_CONSENSUS_MACHINE_EVENT_H_
#define Z4J_CONSENSUS_MACHINE_EVENT_H_

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/consensus/machine/command.h"
#include "services/consensus/machine/stamps.h"

// What happened while entries were applied, for those who wait, observe and watch.  Every node has
// the same events; they are no part of the state.
namespace z4j::consensus {

// Who holds a name.
struct Holder {
  SessionId session;
  Token token;
  Ticket ticket;
  std::string value;
  friend bool operator==(const Holder&, const Holder&) = default;
};

// A ticket that waited holds now.
struct Granted {
  ClaimKind kind = ClaimKind::kElection;
  std::string name;
  SessionId session;
  Ticket ticket;
  Token token;
};

// A ticket that waited will not hold.
struct WaitEnded {
  enum class Why : uint8_t { kTimedOut, kLeft, kSessionEnded };
  ClaimKind kind = ClaimKind::kElection;
  std::string name;
  SessionId session;
  Ticket ticket;
  Why why = Why::kTimedOut;
};

// Of an election.  At most one a name and revision, and none is left out.
struct LeaderChanged {
  std::string name;
  Revision revision;
  std::optional<Holder> leader;  // None: nobody leads.
};

struct SessionEnded {
  SessionId session;
  bool expired = false;  // Else it was closed.
};

struct KvChange {
  std::string key;
  std::shared_ptr<const std::string> value;  // Null: deleted.
  Revision create_revision;
  static auto Fields(auto& s) { return std::tie(s.key, s.value, s.create_revision); }
};

// All that one entry wrote.
struct KvChanged {
  Revision revision;
  std::vector<KvChange> changes;
  static auto Fields(auto& s) { return std::tie(s.revision, s.changes); }
};

// The state came from a snapshot, or events were dropped because nobody took them: whoever waits,
// observes or watches looks at the state again.
struct StateReplaced {};

using Event =
    std::variant<Granted, WaitEnded, LeaderChanged, SessionEnded, KvChanged, StateReplaced>;

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_EVENT_H_
