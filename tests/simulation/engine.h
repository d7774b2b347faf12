#ifndef Z4J_TESTS_SIMULATION_ENGINE_H_
#define Z4J_TESTS_SIMULATION_ENGINE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/scheduler/dispatch/adapter_link.h"
#include "tests/simulation/options.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

// An engine with its adapter: takes fires, and knows which it has.
class Engine {
 public:
  scheduler::DispatchCode Take(scheduler::FireId id) {
    return taken_.insert(id).second ? scheduler::DispatchCode::kAccepted
                                    : scheduler::DispatchCode::kDuplicate;
  }

 private:
  std::set<scheduler::FireId> taken_;
};

// A stream of the adapter to one process.
class EngineLink final : public scheduler::AdapterLink,
                         public std::enable_shared_from_this<EngineLink> {
 public:
  // What the process hears; nothing once it has dropped the link.
  struct Events {
    std::function<void(const scheduler::DispatchItem& item)> sent;  // At once.
    std::function<void(std::vector<scheduler::DispatchResult>)> results;
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
  void Calm() { calm_ = true; }

 private:
  void Answer(const std::vector<scheduler::DispatchItem>& items);
  void After(absl::Duration delay, std::function<void(EngineLink&)> what);

  World& world_;
  const Options& options_;
  Engine& engine_;
  const Events events_;
  bool calm_ = false;
  bool broken_ = false;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_ENGINE_H_
