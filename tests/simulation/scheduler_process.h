#ifndef Z4J_TESTS_SIMULATION_SCHEDULER_PROCESS_H_
#define Z4J_TESTS_SIMULATION_SCHEDULER_PROCESS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/dispatch/update_writer.h"
#include "services/scheduler/elect/raft_elector.h"
#include "services/scheduler/loop/fire_loop.h"
#include "tests/simulation/connection.h"
#include "tests/simulation/engine.h"
#include "tests/simulation/server.h"
#include "tests/simulation/simulated_thread.h"

namespace z4j::simulation {

// What a scheduler process runs beside its consensus node, from its start to its end: the shipped
// fire loop, elector, dispatcher and writer of updates.  Their threads are simulated ones.
class SchedulerProcess final : public std::enable_shared_from_this<SchedulerProcess>,
                               scheduler::LeadershipSource,
                               scheduler::StateChanges,
                               Clock {
 public:
  // What it finds around it.  All outlive it.
  struct Around {
    World& world;
    const Options& options;
    Server& server;
    Database& database;
    DatabaseLink& way;
    Engine& engine;
    FireOracle& oracle;
    absl::Duration wall_clock_ahead;  // Of the database's.
  };

  explicit SchedulerProcess(Around around);
  ~SchedulerProcess() override;  // It must have been killed.

  void Start();
  // Lets go in good order, as a server that is stopped.  `stopped` is called once its node may
  // stop too, unless the process is killed before.
  void Stop(std::function<void()> stopped);
  void Kill();
  // An operator has it let another node lead, if it leads and there is one.
  void AskToHandOver();
  void LeadershipChanged();
  void Calm();

 private:
  // --- LeadershipSource: the node in the same process ---
  void SetOnChange(std::function<void()>) override {}
  std::optional<scheduler::LeaderTerm> Held() override;
  scheduler::LeaderInfo Leader() override { return {}; }
  absl::Status CheckSuccessor(const std::string& node) override;
  absl::Status HandOver(const std::string& successor, MonoTime deadline) override;
  void Campaign() override;
  absl::Status RaiseTokens(scheduler::FencingToken seen, MonoTime deadline) override;

  // --- StateChanges: schedules here have no end, and can be computed ---
  void Finish(const scheduler::ScheduleKey& key) override;
  void Quarantine(const scheduler::ScheduleKey& key, const std::string& reason) override;
  void Resume(const scheduler::ScheduleKey& key) override;

  // --- Clock ---
  absl::Time Now() override;
  MonoTime MonoNow() override { return around_.server.Clock(); }

  void TurnLoop();
  void WriteLoop();
  void ElectLoop();
  // Lets the dispatcher send what it can, now or once the machine goes on.
  void Pump();
  void PumpAt(Instant when);
  void Connect();
  // Waits for what the node says to a call; none: it died, or did not answer in time.
  std::optional<CallResult> AskNode(std::function<void(Replica&, MonoTime, CallId)> what,
                                    MonoTime deadline);
  absl::Duration Patience(MonoTime deadline) const;
  std::shared_ptr<SimulatedThread> NewThread();
  // Runs `what` as soon as the machine does not stand still, if the process still lives.
  void Do(std::function<void()> what);
  std::string Name() const;

  const Around around_;
  World& world_;
  bool dead_ = false;
  bool calm_ = false;
  std::function<void()> on_stopped_;  // Not empty: it is to stop.
  bool loop_stopped_ = false;
  bool asked_ = false;  // By an operator, who waits.
  Instant pump_at_ = absl::InfiniteDuration();
  Connection store_;
  scheduler::RaftElector elector_;
  scheduler::UpdateWriter writer_;
  scheduler::Dispatcher dispatcher_;
  scheduler::FireLoop loop_;
  std::shared_ptr<EngineLink> link_;
  std::shared_ptr<SimulatedThread> turns_, writes_, elects_, operator_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_SCHEDULER_PROCESS_H_
