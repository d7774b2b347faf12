#ifndef Z4J_SCHEDULER_CORE_ENGINE_FIT_H_
#define Z4J_SCHEDULER_CORE_ENGINE_FIT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/scheduler/core/schedule.h"

// Whether the adapters that are connected would take what a schedule asks for.  Pure.
namespace z4j::scheduler {

// What one instance of an engine takes of a schedule.
struct EngineOffer {
  std::map<std::string, std::string> options;  // Types of their JSON by name; empty: not declared.
  bool priority = false, expires = false;
};

// By engine.  Of one that is not among them nothing is known.
using EngineOffers = std::map<std::string, std::vector<EngineOffer>>;

// OK if at least one instance of the schedule's engine takes its engine options, priority and
// expires, or none is connected.  Otherwise INVALID_ARGUMENT with the fields that the instance
// which takes the most does not ("engine_options.timelimit"), what it takes, and what may have been
// meant.
absl::Status CheckEngineFit(const Schedule& schedule, const EngineOffers& offers);

// Whether the two differ in what CheckEngineFit looks at.
bool EngineFitDiffers(const Schedule& a, const Schedule& b);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_ENGINE_FIT_H_
