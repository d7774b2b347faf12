#ifndef Z4J_TESTS_SIMULATION_CLUSTER_H_
#define Z4J_TESTS_SIMULATION_CLUSTER_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/client.h"
#include "tests/simulation/network.h"
#include "tests/simulation/options.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/schedulers.h"
#include "tests/simulation/server.h"
#include "tests/simulation/world.h"

// A whole cluster with its clients and its bad luck: first anything goes, and nothing wrong may
// happen; then all is healed, and everything must work again.
namespace z4j::simulation {

struct Result {
  uint64_t seed = 0;
  std::string breach;  // Empty: none.
  std::string options;
  uint64_t hash = 0;  // Of all that happened.
  uint64_t events = 0;
  absl::Duration simulated;
  uint64_t operations = 0;  // Of clients, done.
  uint64_t committed = 0;
  uint64_t fires = 0;  // Rows of them in the database.
  uint64_t crashes = 0;
  uint64_t stops = 0;              // Of nodes, in good order,
  uint64_t upgrades = 0;           // and of leaders that let go while all was well.
  bool undecided = false;          // The search for an order of the operations took too long.
  std::vector<std::string> story;  // If asked for.
};

// Runs one seed.  Equal seeds give equal results, hash included.
Result Simulate(uint64_t seed, bool verbose);

class Cluster {
 public:
  Cluster(World& world, Options options);
  ~Cluster();

  // Both phases.
  void Run();
  Oracle& oracle() { return oracle_; }
  uint64_t operations() const;
  uint64_t crashes() const { return crashes_; }
  uint64_t stops() const { return stops_; }
  uint64_t upgrades() const { return upgrades_; }
  uint64_t fires() const { return schedulers_.fires(); }
  bool undecided() const { return undecided_; }

 private:
  enum class Figure8Stage : uint8_t { kNone, kFirstCutOff, kSecondCutOff, kThirdSilent };

  NodeId AddServer(const Config& first);
  // Repeats `what` about every `every` while the first phase lasts.
  void Every(absl::Duration every, std::function<void()> what);
  Server& Any();
  Server* Leader();
  void Nemeses();
  void DatabaseNemeses();
  void Crash(Server& victim, absl::Duration down_max);
  void Stop(Server& server, absl::Duration down_max);  // In good order; then it starts again.
  // Leaders let go in good order, one after the other.
  void Upgrade();
  void UpgradeLeader();
  // Whether the others can decide without this one.
  bool Dispensable(const Server& server);
  void MeetNewLeader(Server& leader);
  void Ambush();
  bool IsStray(NodeId from, const Message& timeout_now);
  void LoseOne();
  void Wipe();
  void Figure8();
  void Figure8NewLeader(Server& leader);
  void Figure8Await(Server& leader, Index own);
  // From now on these two groups do not hear each other.
  void Separate(const std::set<NodeId>& some, const std::set<NodeId>& others);
  void ChangeMembers(Server& leader);
  bool MakeChange(const Config& config, ConfigChange& change);
  void Send(NodeId from, Message message);
  void TellPeers(NodeId node, bool connected);
  void RunUntil(Instant until, const std::function<bool()>& enough);
  void CheckLeases();
  void JudgeHistories();
  // Waits until everything works; a breach if it does not in time.
  void AwaitHealth(const char* after);
  bool Healthy(Index goal, const std::vector<uint64_t>& done_before);
  std::set<NodeId> Ids() const;

  World& world_;
  const Options options_;
  Oracle oracle_;
  Network network_;
  Client::Servers servers_;
  Schedulers schedulers_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint64_t last_node_ = 0;
  uint64_t crashes_ = 0;
  uint64_t stops_ = 0;
  uint64_t upgrades_ = 0;
  bool healed_ = false;
  std::set<std::pair<NodeId, Term>> strays_;
  Figure8Stage figure8_ = Figure8Stage::kNone;
  std::set<NodeId> first_two_;  // Who have what will be overwritten,
  NodeId third_;                // by this one,
  NodeId silent_;               // though this one brings it to a quorum.
  bool one_lost_ = false;       // To rot, or with its directory: one node a run.
  bool undecided_ = false;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_CLUSTER_H_
