#ifndef Z4J_CONSENSUS_SERVER_CREDENTIALS_H_
#define Z4J_CONSENSUS_SERVER_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "services/consensus/server/consensus_options.h"

namespace z4j::consensus {

// TLS in which both sides show a certificate of the same authority; plaintext if it is not on.
std::shared_ptr<grpc::ServerCredentials> ServerCredentialsOf(const ConsensusTls& tls);
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentialsOf(const ConsensusTls& tls);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_CREDENTIALS_H_
