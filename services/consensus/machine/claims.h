#ifndef Z4J_CONSENSUS_MACHINE_CLAIMS_H_
#define Z4J_CONSENSUS_MACHINE_CLAIMS_H_

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/consensus/machine/turn.h"

// Names that one session at a time holds and others wait for: elections and locks.
namespace z4j::consensus {

struct Waiter {
  SessionId session;
  Ticket ticket;
  ClusterTime deadline;  // kNever: as long as its session lives.
  std::string value;
  static auto Fields(auto& s) { return std::tie(s.session, s.ticket, s.deadline, s.value); }
};

// A name exists while somebody holds it; so it also does while somebody waits.
struct Claim {
  Holder holder;
  std::deque<Waiter> queue;  // In the order of the log.
  static auto Fields(auto& s) {
    return std::tie(s.holder.session, s.holder.token, s.holder.ticket, s.holder.value, s.queue);
  }
};

enum class TicketState : uint8_t { kWaits, kHolds, kOver };

class Claims {
 public:
  explicit Claims(ClaimKind kind) : kind_(kind) {}

  // Holds, waits, or is refused.  A session that holds already, or waits already, keeps its place;
  // in the queue its value and deadline become the new ones.
  Answer Join(SessionId session, const Enter& command, Turn& turn);
  // Afterwards the ticket neither waits nor holds.  False: it did neither.
  bool Leave(const std::string& name, Ticket ticket, Turn& turn);
  // False: `token` does not hold `name`.  `successor`: next if it waits, ahead of the queue.
  bool Release(const std::string& name, Token token, SessionId successor, Turn& turn);
  bool Proclaim(const std::string& name, Token token, std::string value, Turn& turn);
  // Ends all that a session holds and waits for, in the order of names.
  void EndSession(SessionId session, Turn& turn);
  // Ends the waits whose deadline has come.
  void EndWaits(Turn& turn);

  const Claim* Find(const std::string& name) const;
  TicketState FindTicket(const std::string& name, Ticket ticket) const;
  const std::map<std::string, Claim>& all() const { return claims_; }
  // Names that a session holds or waits for.
  std::vector<std::string> NamesOf(SessionId session) const;
  ClusterTime NextDeadline() const;
  size_t places() const { return places_; }

  static auto Fields(auto& s) { return std::tie(s.claims_); }
  // After Fields were read.  False: they contradict each other.
  bool Index();

 private:
  using ClaimMap = std::map<std::string, Claim>;

  void AddPlace(SessionId session, const std::string& name);
  void DropPlace(SessionId session, const std::string& name);
  // Takes a waiter out of its queue; an event says why.
  void Drop(ClaimMap::iterator claim, std::deque<Waiter>::iterator waiter, WaitEnded::Why why,
            Turn& turn);
  // The holder is gone: the next holds, or the name ends.
  void PassOn(ClaimMap::iterator claim, SessionId successor, Turn& turn);
  void TellLeader(const std::string& name, const Holder* leader, Turn& turn) const;

  ClaimKind kind_;
  ClaimMap claims_;
  // Derived.
  std::map<SessionId, std::set<std::string>> by_session_;
  std::set<std::tuple<ClusterTime, std::string, Ticket>> deadlines_;
  size_t places_ = 0;  // Holders and waiters.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_CLAIMS_H_
