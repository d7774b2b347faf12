#ifndef Z4J_SCHEDULER_RPC_CALLER_H_
#define Z4J_SCHEDULER_RPC_CALLER_H_

#include "services/scheduler/mutate/mutation.h"

namespace grpc {
class CallbackServerContext;
}

namespace z4j::scheduler {

// Who calls, for the audit chain.  The actor is the subject of the client's certificate
// ("tls:ops.example.com") where there is one; otherwise what the client says of itself in the
// metadata `z4j-actor` (at most kActorCharsMax printable ASCII characters), or "anonymous".
Caller CallerOf(const grpc::CallbackServerContext& context);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_CALLER_H_
