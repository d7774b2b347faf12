#ifndef Z4J_CONSENSUS_MACHINE_SESSIONS_H_
#define Z4J_CONSENSUS_MACHINE_SESSIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "services/consensus/machine/turn.h"

// Who may hold something, and what it was answered.
namespace z4j::consensus {

// What one mutation was answered.
struct Reply {
  uint64_t request_hash = 0;  // Tells apart another mutation under the same sequence.
  std::string answer;
  static auto Fields(auto& s) { return std::tie(s.request_hash, s.answer); }
};

// The answers that an owner may still ask for again: mutations are done once.
class Replies {
 public:
  const Reply* Find(uint64_t sequence) const;
  bool Forgotten(uint64_t sequence) const { return sequence < first_outstanding_; }
  // What is below is no longer needed; never moves back.
  void ForgetBelow(uint64_t first_outstanding);
  void Add(uint64_t sequence, Reply reply);
  size_t bytes() const { return bytes_; }

  static auto Fields(auto& s) { return std::tie(s.first_outstanding_, s.replies_); }
  void Count();  // After Fields were read.

 private:
  uint64_t first_outstanding_ = 0;
  std::map<uint64_t, Reply> replies_;
  size_t bytes_ = 0;  // Derived.
};

struct Session {
  uint64_t nonce = 0;
  absl::Duration ttl;
  std::string owner;
  ClusterTime renewed;    // Last sign of life that the log knows.
  uint64_t renewals = 0;  // Grows with each.
  Replies replies;
  static auto Fields(auto& s) {
    return std::tie(s.nonce, s.ttl, s.owner, s.renewed, s.renewals, s.replies);
  }
};

// A client without a session: known from its first mutation until it has made none for kClientIdle.
struct Client {
  ClusterTime last_used;
  Replies replies;
  static auto Fields(auto& s) { return std::tie(s.last_used, s.replies); }
};

// TTLs are lower bounds: a session lives at least that long, on the cluster's clock, after its last
// sign of life and after a change of leader.
class Sessions {
 public:
  // Opens one, or finds the live one with this nonce.
  Answer Open(const OpenSession& command, Turn& turn);
  void Renew(SessionId id, ClusterTime now);
  void RenewAll(ClusterTime now);
  // Whether it has been silent for its TTL and was not renewed since `seen_renewals`.
  bool MayExpire(SessionId id, uint64_t seen_renewals, ClusterTime now) const;
  bool Close(SessionId id);  // False: there is none.
  void ForgetIdleClients(ClusterTime now);

  // What to do with a mutation: nothing (run it, then Remember), or this answer.
  std::optional<std::string> Admit(const RequestId& request, uint64_t request_hash,
                                   const Turn& turn);
  // How large the answer of an admitted request may be, beyond the few bytes that all have.
  size_t ReplyRoom(const RequestId& request) const;
  // `request` was admitted; its owner may have ended meanwhile.
  void Remember(const RequestId& request, Reply reply);

  const Session* Find(SessionId id) const;
  const std::map<SessionId, Session>& all() const { return sessions_; }
  size_t clients() const { return clients_.size(); }
  ClusterTime NextDeadline() const;

  static auto Fields(auto& s) { return std::tie(s.sessions_, s.clients_); }
  // After Fields were read.  False: they contradict each other.
  bool Index();

 private:
  const Replies* RepliesOf(const RequestId& request) const;
  Replies* RepliesOf(const RequestId& request);

  std::map<SessionId, Session> sessions_;
  std::map<uint64_t, Client> clients_;
  // Derived.
  std::map<uint64_t, SessionId> by_nonce_;
  std::set<std::pair<ClusterTime, uint64_t>> by_last_use_;  // Of clients.
  size_t reply_bytes_ = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_SESSIONS_H_
