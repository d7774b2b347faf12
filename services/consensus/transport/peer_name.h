#ifndef Z4J_CONSENSUS_TRANSPORT_PEER_NAME_H_
#define Z4J_CONSENSUS_TRANSPORT_PEER_NAME_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/consensus/raft/types.h"

namespace grpc {
class AuthContext;
}

// Which node a certificate may speak for.  Node 2 is named by any of
//
//   a URI in the subject's alternative names  spiffe://<anything>/node/2
//   a DNS name there, by its first label      node-2, node-2.z4j.example.com
//   the common name, as a DNS name            only if it has neither a URI nor a DNS name
//
// The number is decimal, without leading zeros; letters of either case.  No pattern ("*") names a
// node.  A certificate with several names speaks for each of them.
namespace z4j::consensus {

// What a verified certificate says of its holder.
struct PeerNames {
  std::vector<std::string> uris = {};
  std::vector<std::string> dns = {};
  std::string common_name = {};
};

// Of the certificate that gRPC has verified for this connection; empty ones without TLS.
PeerNames NamesOf(const grpc::AuthContext& connection);

// OK if one of `names` is `node`'s; UNAUTHENTICATED, saying what there is and what is missing.
// Pure.
absl::Status CheckPeerName(const PeerNames& names, NodeId node);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_PEER_NAME_H_
