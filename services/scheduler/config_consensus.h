#ifndef Z4J_SCHEDULER_CONFIG_CONSENSUS_H_
#define Z4J_SCHEDULER_CONFIG_CONSENSUS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/base/field_error.h"
#include "services/scheduler/config.h"

// The settings of `--election raft`; see config.h.
namespace z4j::scheduler {

// Of consensus_session_ttl: what the service takes (services/consensus/limits.h, which only the
// server can compare).
inline constexpr absl::Duration kRemoteSessionTtlMin = absl::Milliseconds(300);
inline constexpr absl::Duration kRemoteSessionTtlMax = absl::Seconds(60);

// Each stores `value`; what is wrong with it, or nothing.
std::optional<std::string> SetConsensusPeers(const std::string& value, ServerConfig& config);
std::optional<std::string> SetConsensusEndpoints(const std::string& value, ServerConfig& config);
std::optional<std::string> SetConsensusElectionTimeout(const std::string& value,
                                                       ServerConfig& config);
std::optional<std::string> SetConsensusSessionTtl(const std::string& value, ServerConfig& config);

// "host:port" that others can dial: with a host, and a port that is known beforehand.
bool IsConsensusAddress(absl::string_view address);
// The number that ends a node's name; 0 if there is none, or none that a node can have.
uint32_t ConsensusNumberOf(absl::string_view name);
// The name of the node with this number.  One that is not among `peers`, because it was added
// later, is taken to be named as they are, if their names begin alike; else it is the number.
std::string ConsensusNameOf(const std::vector<ConsensusPeer>& peers, uint64_t number);

// What they have wrong together, and with the others.
void CheckConsensus(const Settings& given, const ServerConfig& config,
                    std::vector<FieldViolation>& violations);
// Fills in what follows from the rest.
void CompleteConsensus(ServerConfig& config);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CONFIG_CONSENSUS_H_
