#ifndef Z4J_CONSENSUS_SERVER_JOIN_H_
#define Z4J_CONSENSUS_SERVER_JOIN_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/consensus/server/beginning.h"

namespace z4j::consensus {

struct AskedMembers {
  std::vector<KnownCluster> answers;
  std::string silent;  // Who did not answer, and why, for people.
};

// Asks all of `addresses` at once which cluster they belong to, and who is in it.  Waits, at most
// `wait` long.
AskedMembers AskMembers(const std::vector<std::string>& addresses,
                        const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                        absl::Duration wait);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_JOIN_H_
