#ifndef Z4J_CONSENSUS_RPC_CONTEXT_H_
#define Z4J_CONSENSUS_RPC_CONTEXT_H_

#include <atomic>
#include <utility>

#include "services/base/clock.h"
#include "services/consensus/admission/admission.h"
#include "services/consensus/rpc/event_hub.h"
#include "services/consensus/rpc/services.h"

namespace z4j::consensus {

// What every service works with.
struct RpcContext {
  RpcContext(ServicesOptions options, Clock& clock)
      : options(std::move(options)),
        clock(clock),
        started(clock.MonoNow()),
        admission(this->options.requests_per_second) {}

  const ServicesOptions options;
  Clock& clock;
  EventHub hub;
  Node* node = nullptr;  // Set before the first call.
  const MonoTime started;
  Admission admission;
  std::atomic<bool> snapshot_under_way = false;  // A backup is being sent.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_CONTEXT_H_
