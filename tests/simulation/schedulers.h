#ifndef Z4J_TESTS_SIMULATION_SCHEDULERS_H_
#define Z4J_TESTS_SIMULATION_SCHEDULERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/simulation/database.h"
#include "tests/simulation/database_link.h"
#include "tests/simulation/engine.h"
#include "tests/simulation/fire_oracle.h"
#include "tests/simulation/scheduler_process.h"
#include "tests/simulation/users.h"

namespace z4j::simulation {

// The schedulers on all machines of a cluster, the one database that they share, and the engine.
class Schedulers {
 public:
  Schedulers(World& world, const Options& options, Oracle& oracle);
  ~Schedulers();

  void Add(Server& server);  // Of which `this` is told what becomes of it:
  void Started(NodeId node);
  void Stopped(NodeId node);
  void LeadershipChanged(NodeId node);

  // A user asks for a change, of whatever scheduler.
  void SomeoneAsks();

  // --- Operators ---
  // The scheduler lets go in good order; `stopped` as of SchedulerProcess::Stop.
  void Stop(NodeId node, std::function<void()> stopped);
  void AskToHandOver(NodeId node);
  FireOracle& oracle() { return oracle_; }

  // --- Bad luck ---
  void CutOff(NodeId node, absl::Duration duration);  // From the database.
  void RestartDatabase(absl::Duration down_for) { database_.Restart(down_for); }
  void Calm();  // No more of it.

  // None: all that was due is decided and handed over.
  std::optional<std::string> Missing() const {
    const std::optional<std::string> missing = oracle_.Missing();
    return missing.has_value() ? missing : engine_.Missing();
  }
  uint64_t fires() const { return oracle_.rows(); }

 private:
  struct Machine {
    Server* server;
    std::unique_ptr<DatabaseLink> way;
    absl::Duration wall_clock_ahead;
    std::shared_ptr<SchedulerProcess> process;
  };

  World& world_;
  const Options& options_;
  FireOracle oracle_;
  Database database_;
  Engine engine_;
  Users users_;
  bool calm_ = false;
  std::map<NodeId, Machine> machines_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_SCHEDULERS_H_
