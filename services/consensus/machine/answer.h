#ifndef Z4J_CONSENSUS_MACHINE_ANSWER_H_
#define Z4J_CONSENSUS_MACHINE_ANSWER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "services/consensus/machine/stamps.h"

// What applying a command says to whoever waits for it.  Encoded as commands are.
namespace z4j::consensus {

// All but kOk, kApplied and kBusy mean: nothing was done, and sent again it has the same answer.
enum class AnswerCode : uint8_t {
  kOk = 0,
  kUnreadable = 1,         // No command, or one of a newer version.
  kApplied = 2,            // The entry was applied before; only a replay sees this.
  kInvalid = 3,            // CheckEnvelope says why; or the sequence is taken.
  kSessionLost = 4,        // The session ended, or the client was forgotten.
  kSequenceForgotten = 5,  // Below first_outstanding.
  kTokenMismatch = 6,      // Not the present holder's token.
  kExhausted = 7,          // A bound of limits.h; `detail` says which.
  kNotGranted = 8,         // Held by somebody else, and no wait was wanted.
  kBusy = 9,               // No room to remember the client: not done, but a copy may yet be.
};
constexpr AnswerCode Last(AnswerCode) { return AnswerCode::kBusy; }

struct SessionOpened {
  SessionId session;
  absl::Duration ttl;
  Epoch epoch;
  static auto Fields(auto& s) { return std::tie(s.session, s.ttl, s.epoch); }
  friend bool operator==(const SessionOpened&, const SessionOpened&) = default;
};

// Enter.  No token: it waits; a Granted or WaitEnded event follows.  Whoever gets this answer again
// later looks with CoordinationMachine::FindTicket() what became of the ticket.
struct Entered {
  Ticket ticket;
  Token token;
  static auto Fields(auto& s) { return std::tie(s.ticket, s.token); }
  friend bool operator==(const Entered&, const Entered&) = default;
};

// Whether anything was there to release, close, expire, leave or raise.
struct Done {
  bool changed = false;
  static auto Fields(auto& s) { return std::tie(s.changed); }
  friend bool operator==(const Done&, const Done&) = default;
};

struct KvEntry {
  std::string key;
  std::string value;
  Revision create_revision;
  Revision mod_revision;
  static auto Fields(auto& s) {
    return std::tie(s.key, s.value, s.create_revision, s.mod_revision);
  }
  friend bool operator==(const KvEntry&, const KvEntry&) = default;
};

struct TxnDone {
  bool succeeded = false;
  // One for each operation done: what a get read or a delete removed; none for a put or no key.
  std::vector<std::optional<KvEntry>> results;
  static auto Fields(auto& s) { return std::tie(s.succeeded, s.results); }
  friend bool operator==(const TxnDone&, const TxnDone&) = default;
};

struct Answer {
  AnswerCode code = AnswerCode::kOk;
  Revision revision;   // Of the entry that gave it.
  std::string detail;  // For people; empty if OK.
  std::variant<std::monostate, SessionOpened, Entered, Done, TxnDone> body;
  static auto Fields(auto& s) { return std::tie(s.code, s.revision, s.detail, s.body); }
  friend bool operator==(const Answer&, const Answer&) = default;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_ANSWER_H_
