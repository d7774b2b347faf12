#include "services/consensus/transport/peer_host.h"

#include "services/base/status_macros.h"

namespace z4j::consensus {

absl::StatusOr<std::optional<pb::PeerFrame>> PeerHost::Greet(Handshake& handshake,
                                                             const pb::PeerFrame& frame,
                                                             const grpc::AuthContext& connection) {
  ASSIGN_OR_RETURN(std::optional<pb::PeerFrame> reply, handshake.Take(frame));
  RETURN_IF_ERROR(CheckCertificate(handshake.peer().id, connection));
  return reply;
}

}  // namespace z4j::consensus
