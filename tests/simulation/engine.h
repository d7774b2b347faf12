#ifndef Z4J_TESTS_SIMULATION_ENGINE_H_
#define Z4J_TESTS_SIMULATION_ENGINE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/scheduler/dispatch/adapter_link.h"
#include "tests/simulation/fire_oracle.h"
#include "tests/simulation/options.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

class EngineLink;

// An engine with its adapter: takes fires, knows which it has, and runs each once.  How a run ended
// is kept until a scheduler has said that this is durable.
class Engine {
 public:
  Engine(World& world, const Options& options, FireOracle& oracle)
      : world_(world), options_(options), oracle_(oracle) {}

  scheduler::DispatchCode Take(const scheduler::DispatchItem& item);
  void Watch(const std::shared_ptr<EngineLink>& link);

  // --- Ends that are to be told ---
  std::vector<scheduler::Outcome> Untold() const;
  void Told(const std::vector<scheduler::Outcome>& outcomes);
  // None: all that ended up to a few seconds ago has been told.
  std::optional<std::string> Missing() const;

 private:
  void End(const scheduler::FireRef& run, bool fails);

  World& world_;
  const Options& options_;
  FireOracle& oracle_;
  std::set<scheduler::FireId> taken_;
  std::map<scheduler::FireId, scheduler::Outcome> untold_;
  std::vector<std::weak_ptr<EngineLink>> links_;
};

// A stream of the adapter to one process.
class EngineLink final : public scheduler::AdapterLink,
                         public std::enable_shared_from_this<EngineLink> {
 public:
  // What the process hears; nothing once it has dropped the link.
  struct Events {
    std::function<void(const scheduler::DispatchItem& item)> sent;  // At once.
    std::function<void(std::vector<scheduler::DispatchResult>)> results;
    std::function<void(std::vector<scheduler::Outcome>, std::function<void(bool durable)>)> ended;
    std::function<void()> broken;
  };

  EngineLink(World& world, const Options& options, Engine& engine, Events events)
      : world_(world), options_(options), engine_(engine), events_(std::move(events)) {}

  scheduler::AdapterInfo Info() const override;
  bool Send(std::vector<scheduler::DispatchItem> items) override;
  void Cancel(const scheduler::FireKey&, scheduler::FireId, bool) override {}
  void LookUp(const std::vector<scheduler::FireRef>&) override {}
  void Ask(const scheduler::AdapterQuestion&, MonoTime, scheduler::OnAnswer done) override {
    done(absl::UnavailableError("nobody asks in a simulation"));
  }
  // Something has ended.
  void Tell();
  void Calm() { calm_ = true; }

 private:
  void Answer(const std::vector<scheduler::DispatchItem>& items);
  void TellNow();
  void After(absl::Duration delay, std::function<void(EngineLink&)> what);

  World& world_;
  const Options& options_;
  Engine& engine_;
  const Events events_;
  bool calm_ = false;
  bool broken_ = false;
  bool telling_ = false;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_ENGINE_H_
