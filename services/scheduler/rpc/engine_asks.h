#ifndef Z4J_SCHEDULER_RPC_ENGINE_ASKS_H_
#define Z4J_SCHEDULER_RPC_ENGINE_ASKS_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/rpc/context.h"

// Questions to the adapters of an engine.  Nobody waits on a thread for the answers: they may take
// kAskMax.
namespace z4j::scheduler {

// The instances of `engine` among `adapters` that are meant, by name: `instance`, or all if that is
// empty.  INVALID_ARGUMENT, field "engine"; NOT_FOUND if there is none.
absl::StatusOr<std::vector<std::string>> InstancesMeant(const std::vector<AdapterStatus>& adapters,
                                                        const std::string& engine,
                                                        const std::string& instance);

// What one instance answered.
struct InstanceAnswer {
  std::string instance;
  AdapterAnswer answer;
};

// Asks all `instances`, at least one, at once.  `done` is called on the pool when all have
// answered, with the answers in the order of the instances; or with the error of the first that
// failed, which names it: part of an answer would be taken for all of it.
using OnAnswers = absl::AnyInvocable<void(absl::StatusOr<std::vector<InstanceAnswer>>)>;
void AskInstances(RpcContext& rpc, const std::string& engine,
                  const std::vector<std::string>& instances, const AdapterQuestion& question,
                  OnAnswers done);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_ENGINE_ASKS_H_
