#ifndef Z4J_TESTS_SIMULATION_CLIENT_H_
#define Z4J_TESTS_SIMULATION_CLIENT_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/consensus/machine/codec.h"
#include "tests/simulation/history.h"
#include "tests/simulation/linearizability.h"
#include "tests/simulation/network.h"
#include "tests/simulation/server.h"

// A client that puts, compares, reads, and takes locks and campaigns under a session; it follows
// the leader, and sends what it is not sure of again under the same number, as the shipped client
// does.
namespace z4j::simulation {

class Client {
 public:
  using Servers = std::map<NodeId, std::unique_ptr<Server>>;

  Client(World& world, const Options& options, Oracle& oracle, Network& network, Servers& servers,
         int number);

  void Start() { Think(); }
  // Reads every key at once, from this server.
  void AskAtOnce(NodeId server);
  // Begins nothing new.
  void Stop();
  // Of keys; and of locks and elections, for LockModel, with the ends of its sessions.
  const History& history() const { return history_; }
  History ClaimHistory() const;
  // From when to when it believed to hold something.
  const std::vector<Holding>& holdings() const { return holdings_; }
  uint64_t done() const { return done_; }

 private:
  struct Answered {
    Fate fate;
    std::string answer;
    std::string read;
  };
  using Then = std::function<void(const Answered&)>;

  void Think();
  void Next();
  void Write(const std::string& key, const std::string& call, std::vector<std::string> arguments);
  // From `server`; 0: from whichever seems right.  `then` comes when it is over.
  void ReadKey(const std::string& key, NodeId server, std::function<void()> then);
  Operation Begin(const std::string& key, const std::string& call,
                  std::vector<std::string> arguments) const;
  void End(Operation& operation, std::string result);

  // --- Sessions, and what is held under them (client_claims.cc)
  struct Held {
    Token token;
    Instant from;
  };
  struct Entering {
    ClaimKind kind;
    std::string name;
    std::string key;
    size_t place;  // In claims_.
    Ticket ticket;
  };
  struct Wait {
    Instant least;                // It does not end by itself before.
    std::optional<Instant> over;  // By then it had ended, in whatever way.
  };
  void OpenSession();
  void KeepAlive();
  void ForgetSession();
  void Claim();
  void Enter(ClaimKind kind, const std::string& name, absl::Duration wait);
  void Entered(const Entering& call, const Answered& answered);
  void LookAfter(const Entering& call);
  void Granted(const std::string& key, Token token);
  void Release(ClaimKind kind, const std::string& name, Token token);
  void LookAt(ClaimKind kind, const std::string& name);
  void NoteHeld(const std::string& key, const Held& held);

  // Sends a mutation until its fate is known, then says what it is.
  void Mutate(std::optional<RequestId> request, Command command, Then then);
  // Asks one server once; `then` comes exactly once, at the latest after the timeout (kUnknown).
  void Ask(std::function<void(Replica&, MonoTime, CallId, MonoTime deadline)> what,
           std::function<std::string(const Replica&)> read, Then then, NodeId server = {});
  NodeId Target();
  RequestId NextRequest(bool of_session);
  void Done();

  World& world_;
  const Options& options_;
  Oracle& oracle_;
  Network& network_;
  Servers& servers_;
  const int number_;
  const NodeId address_;

  bool stopped_ = false;
  NodeId leader_;
  uint64_t client_id_;
  uint64_t sequence_ = 0;
  uint64_t written_ = 0;
  uint64_t done_ = 0;
  std::map<std::string, std::string> seen_;
  History history_;

  SessionId session_;
  absl::Duration ttl_;
  Instant alive_until_;  // The session lives for certain.
  uint64_t session_sequence_ = 0;
  uint64_t entered_ = 0;
  std::map<std::string, Held> held_;
  std::map<std::string, Token> given_up_;  // Held once.
  History claims_;
  std::map<size_t, Wait> waits_;  // By place in claims_.
  std::vector<Holding> holdings_;
  struct PastSession {
    Instant least;  // It does not end before.
    std::set<std::string> keys;
  };
  std::map<SessionId, PastSession> sessions_;  // All of its own.
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_CLIENT_H_
