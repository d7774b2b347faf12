#ifndef Z4J_CONSENSUS_SERVER_FOUNDING_H_
#define Z4J_CONSENSUS_SERVER_FOUNDING_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/consensus/raft/types.h"

// How a cluster begins.  Nobody is asked: every node is told the same name and the same members,
// and so comes to the same cluster by itself, however often and in whatever order they start.
namespace z4j::consensus {

// Number → "host:port".
using Members = std::map<NodeId, std::string>;

// Reads "1=host:port,2=host:port".  INVALID_ARGUMENT in words that follow a setting's name: a
// number or an address is wrong or given twice, or there are more than kMembersMax.
absl::StatusOr<Members> ParseMembers(absl::string_view text);
std::string MembersText(const Members& members);  // The way back.

// Whether it is "host:port" with a port in 1..65535.
bool IsMemberAddress(absl::string_view address);

// The cluster of this name that these members found: the same on every node, and another one if
// any member differs.  `restored_from` tells apart what is made from a backup; empty: from nothing.
ClusterId ClusterIdOf(absl::string_view name, const Members& members,
                      absl::string_view restored_from = "");

// All vote.  Their incarnations are not known yet.
Config FirstConfig(const Members& members);

// Random, > 0; for incarnations and for the seeds of a start.
uint64_t RandomNumber();

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_FOUNDING_H_
