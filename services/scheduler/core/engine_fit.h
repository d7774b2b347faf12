#ifndef Z4J_SCHEDULER_CORE_ENGINE_FIT_H_
#define Z4J_SCHEDULER_CORE_ENGINE_FIT_H_

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/scheduler/core/schedule.h"

// Whether the adapters that are connected would take what a schedule asks for.  Pure.
namespace z4j::scheduler {

// Which instances of an engine may take a fire: those that publish to its queue and hold all of its
// labels.
struct Route {
  std::string engine;
  std::string queue = {};                          // Empty: the engine's default; all have one.
  std::map<std::string, std::string> labels = {};  // Schedule::adapter_labels.

  friend auto operator<=>(const Route&, const Route&) = default;
};
Route RouteOf(const Schedule& schedule);

// What one instance of an engine takes of a schedule.
struct EngineOffer {
  std::map<std::string, std::string> options;  // Types of their JSON by name; empty: not declared.
  bool priority = false, expires = false;
  std::vector<std::string> queues = {};  // It may publish to; empty: any.
  std::map<std::string, std::string> labels = {};
  bool leaving = false;  // It takes no new fires.
};

// By engine.  Of one that is not among them nothing is known.
using EngineOffers = std::map<std::string, std::vector<EngineOffer>>;

// Whether one that publishes to `queues` (empty: any) and has `labels` may take such fires.
bool MayTake(const Route& route, const std::vector<std::string>& queues,
             const std::map<std::string, std::string>& labels);

// Why no instance that is connected takes such fires now, and what to change, in a sentence without
// its full stop; empty: one does.
std::string WhyNobody(const Route& route, const EngineOffers& offers);

// OK if at least one instance of those that may take the schedule's fires takes its engine options,
// priority and expires, or no such instance is connected.  Otherwise INVALID_ARGUMENT with the
// fields that the instance which takes the most does not ("engine_options.timelimit"), what it
// takes, and what may have been meant.
absl::Status CheckEngineFit(const Schedule& schedule, const EngineOffers& offers);

// Whether the two differ in what CheckEngineFit or WhyNobody looks at.
bool EngineFitDiffers(const Schedule& a, const Schedule& b);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_ENGINE_FIT_H_
