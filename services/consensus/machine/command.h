#ifndef Z4J_CONSENSUS_MACHINE_COMMAND_H_
#define Z4J_CONSENSUS_MACHINE_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/consensus/machine/cluster_time.h"
#include "services/consensus/machine/stamps.h"

// What the log carries for the state machine.  `Fields` lists what is encoded, in the order of the
// bytes; both that order and the order in the variants are the format, so new things go last.
namespace z4j::consensus {

enum class ClaimKind : uint8_t { kElection = 0, kLock = 1 };
constexpr ClaimKind Last(ClaimKind) { return ClaimKind::kLock; }

// --- Sessions -------------------------------------------------------------------------------

struct OpenSession {
  uint64_t nonce = 0;  // > 0.  While the session lives, the same nonce gives the same session.
  absl::Duration ttl;  // Moved into the bounds of limits.h.
  std::string owner;   // For people.
  static auto Fields(auto& s) { return std::tie(s.nonce, s.ttl, s.owner); }
  friend bool operator==(const OpenSession&, const OpenSession&) = default;
};

struct CloseSession {
  SessionId session;
  static auto Fields(auto& s) { return std::tie(s.session); }
  friend bool operator==(const CloseSession&, const CloseSession&) = default;
};

// What the leader heard since its last checkpoint; unknown sessions are passed over.
struct RenewSessions {
  std::vector<SessionId> sessions;
  static auto Fields(auto& s) { return std::tie(s.sessions); }
  friend bool operator==(const RenewSessions&, const RenewSessions&) = default;
};

// Ends a session that the leader has not heard for its TTL.  Does nothing if the session was
// renewed after the leader looked, or its TTL has not passed: a leader that was deposed and wakes
// up late ends nothing.
struct ExpireSession {
  SessionId session;
  uint64_t seen_renewals = 0;
  static auto Fields(auto& s) { return std::tie(s.session, s.seen_renewals); }
  friend bool operator==(const ExpireSession&, const ExpireSession&) = default;
};

// A new leader's first command: all sessions get a full TTL, since their last signs of life went to
// the old leader.
struct BeginLeadership {
  static auto Fields(auto&) { return std::tie(); }
  friend bool operator==(const BeginLeadership&, const BeginLeadership&) = default;
};

// Moves the time, and so ends waits that are over; proposed when NextDeadline() has come.
struct Tick {
  static auto Fields(auto&) { return std::tie(); }
  friend bool operator==(const Tick&, const Tick&) = default;
};

// After a restore.  Does nothing unless `epoch` is above the present one.
struct SetEpoch {
  Epoch epoch;
  static auto Fields(auto& s) { return std::tie(s.epoch); }
  friend bool operator==(const SetEpoch&, const SetEpoch&) = default;
};

// --- Elections and locks --------------------------------------------------------------------

// Campaign, or acquire.  The request's owner is the session.
struct Enter {
  ClaimKind kind = ClaimKind::kElection;
  std::string name;
  std::string value;    // What a leader announces; empty for locks.
  absl::Duration wait;  // From the time of applying; 0: not at all; infinite: with the session.
  static auto Fields(auto& s) { return std::tie(s.kind, s.name, s.value, s.wait); }
  friend bool operator==(const Enter&, const Enter&) = default;
};

// The caller is gone: afterwards its ticket neither waits nor holds.  For the call that took the
// ticket only (Entered::ticket is its own revision): a session's other calls share the place.
struct Leave {
  ClaimKind kind = ClaimKind::kElection;
  std::string name;
  Ticket ticket;
  static auto Fields(auto& s) { return std::tie(s.kind, s.name, s.ticket); }
  friend bool operator==(const Leave&, const Leave&) = default;
};

// Resign, or release, by the session that holds.
struct Release {
  ClaimKind kind = ClaimKind::kElection;
  std::string name;
  Token token;
  SessionId successor;  // If it waits it is next, ahead of the queue.
  static auto Fields(auto& s) { return std::tie(s.kind, s.name, s.token, s.successor); }
  friend bool operator==(const Release&, const Release&) = default;
};

// The operator's release: whoever owns the request.
struct ForceRelease {
  ClaimKind kind = ClaimKind::kLock;
  std::string name;
  Token token;
  static auto Fields(auto& s) { return std::tie(s.kind, s.name, s.token); }
  friend bool operator==(const ForceRelease&, const ForceRelease&) = default;
};

struct Proclaim {
  std::string name;
  Token token;
  std::string value;
  static auto Fields(auto& s) { return std::tie(s.name, s.token, s.value); }
  friend bool operator==(const Proclaim&, const Proclaim&) = default;
};

// --- Keys -----------------------------------------------------------------------------------

struct KvCompare {
  std::string key;
  std::variant<Revision, std::string> expected;  // mod_revision (0: no such key), or the value.
  static auto Fields(auto& s) { return std::tie(s.key, s.expected); }
  friend bool operator==(const KvCompare&, const KvCompare&) = default;
};

struct KvPut {
  std::string value;
  static auto Fields(auto& s) { return std::tie(s.value); }
  friend bool operator==(const KvPut&, const KvPut&) = default;
};
struct KvGet {
  static auto Fields(auto&) { return std::tie(); }
  friend bool operator==(const KvGet&, const KvGet&) = default;
};
struct KvDelete {
  static auto Fields(auto&) { return std::tie(); }
  friend bool operator==(const KvDelete&, const KvDelete&) = default;
};

struct KvOperation {
  std::string key;
  std::variant<KvPut, KvGet, KvDelete> action;
  static auto Fields(auto& s) { return std::tie(s.key, s.action); }
  friend bool operator==(const KvOperation&, const KvOperation&) = default;
};

// If all compares hold `then`, else `otherwise`; at one revision, whole or not at all.  A put or a
// delete alone is one without compares.
struct KvTxn {
  std::vector<KvCompare> compares;
  std::vector<KvOperation> then;
  std::vector<KvOperation> otherwise;
  static auto Fields(auto& s) { return std::tie(s.compares, s.then, s.otherwise); }
  friend bool operator==(const KvTxn&, const KvTxn&) = default;
};

// --- The whole ------------------------------------------------------------------------------

using Command =
    std::variant<OpenSession, CloseSession, RenewSessions, ExpireSession, BeginLeadership, Tick,
                 SetEpoch, Enter, Leave, Release, ForceRelease, Proclaim, KvTxn>;

// Under which a mutation is done once, however often it is sent.  Enter, Release and Proclaim need
// a session; ForceRelease and KvTxn take either; the others have none and may be repeated.
struct RequestId {
  struct Client {  // Drawn at random, > 0.
    uint64_t value = 0;
    static auto Fields(auto& s) { return std::tie(s.value); }
    friend bool operator==(const Client&, const Client&) = default;
  };
  std::variant<SessionId, Client> owner;
  uint64_t sequence = 0;           // > 0.
  uint64_t first_outstanding = 0;  // Answers below are no longer needed.
  static auto Fields(auto& s) { return std::tie(s.owner, s.sequence, s.first_outstanding); }
  friend bool operator==(const RequestId&, const RequestId&) = default;
};

struct Envelope {
  ClusterTime time;  // Stamped by the leader.
  std::optional<RequestId> request;
  Command command;
  static auto Fields(auto& s) { return std::tie(s.time, s.request, s.command); }
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

// OK, or a FieldError: the command can never be done.  The machine refuses it likewise, so a server
// asks before it proposes, to say which field is wrong.  Fields are named as in the proto.
absl::Status CheckEnvelope(const Envelope& envelope);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_COMMAND_H_
