#ifndef Z4J_CONSENSUS_RPC_HEALTH_H_
#define Z4J_CONSENSUS_RPC_HEALTH_H_

#include <optional>
#include <string>
#include <vector>

#include "services/consensus/node/node.h"

namespace z4j::consensus {

// What is to be thought of a node's figures.
struct HealthVerdict {
  bool ready = false;               // It can serve.
  std::vector<std::string> alarms;  // What is wrong, a sentence each; what keeps it from it first.
};

// Pure.  `disk_free_bytes`: none if it is not known.
HealthVerdict Judge(const NodeHealth& health, absl::Duration election_timeout,
                    std::optional<uint64_t> disk_free_bytes);

// Decided, as far as the node knows, and not yet applied.
uint64_t ApplyLag(const RaftStatus& raft);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_HEALTH_H_
