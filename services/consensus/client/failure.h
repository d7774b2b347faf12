#ifndef Z4J_CONSENSUS_CLIENT_FAILURE_H_
#define Z4J_CONSENSUS_CLIENT_FAILURE_H_

#include "services/consensus/client/result.h"

namespace grpc {
class Status;
}

namespace z4j::consensus::client {

// What an error of a call means.  `status` is not OK.  Without z4j.consensus.v1.Failure among its
// details it is gRPC's own or a proxy's: then nothing is known, unless its code says that no node
// would do it.
Failure FailureOf(const grpc::Status& status);

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_FAILURE_H_
