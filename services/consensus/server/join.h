#ifndef Z4J_CONSENSUS_SERVER_JOIN_H_
#define Z4J_CONSENSUS_SERVER_JOIN_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/consensus/raft/types.h"

namespace z4j::consensus {

// Which cluster the first of `members` that answers belongs to.  Waits, a few seconds for each.
// UNAVAILABLE: none answers.
absl::StatusOr<ClusterId> AskForCluster(
    const std::vector<std::string>& members,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_JOIN_H_
