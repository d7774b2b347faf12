#ifndef Z4J_CONSENSUS_TRANSPORT_PEER_HOST_H_
#define Z4J_CONSENSUS_TRANSPORT_PEER_HOST_H_

#include <grpcpp/security/auth_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "services/base/clock.h"
#include "services/consensus/transport/handshake.h"

namespace z4j::consensus {

// What the streams need of their transport.  Thread-safe; called without their locks held.
class PeerHost {
 public:
  virtual ~PeerHost() = default;

  virtual const Self& self() const = 0;
  virtual Clock& clock() = 0;
  // OK if the certificate of who holds the connection names `peer`, or none is used;
  // UNAUTHENTICATED.
  virtual absl::Status CheckCertificate(NodeId peer, const grpc::AuthContext& connection) = 0;
  // The next step of a greeting: what it says, and what the connection itself shows.  Codes as
  // Handshake::Take.
  absl::StatusOr<std::optional<pb::PeerFrame>> Greet(Handshake& handshake,
                                                     const pb::PeerFrame& frame,
                                                     const grpc::AuthContext& connection);

  // Somebody at `address` (as gRPC writes it) dials this node: RESOURCE_EXHAUSTED if that is too
  // often.  Then either of the others, unless the dialer went away by itself.
  virtual absl::Status Admit(const std::string& address) = 0;
  virtual void Greeted(const std::string& address) = 0;
  virtual void Refused(const std::string& address) = 0;

  // `peer` greeted by a stream of its own: it is there.
  virtual void OnHello(const NodeIdentity& peer) = 0;
  // Takes a message that came by a stream of `peer`.  INVALID_ARGUMENT: no correct node sends it.
  virtual absl::Status Deliver(const NodeIdentity& peer, pb::PeerFrame&& frame) = 0;
  // A stream to `peer` is ready for messages, or not any more.
  virtual void OnConnected(NodeId peer, bool connected) = 0;
  // An outgoing stream begins (the one call with a lock held: the dialer's), ends.  The transport
  // waits for all to end.
  virtual void StreamBegins() = 0;
  // `remains` hold its channel, and die by a thread of the transport: gRPC 1.51 crashes when a
  // process's last channel is destroyed by a thread that gRPC calls back on.
  virtual void StreamEnds(std::shared_ptr<void> remains) = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_PEER_HOST_H_
