#ifndef Z4J_CONSENSUS_TRANSPORT_HANDSHAKE_H_
#define Z4J_CONSENSUS_TRANSPORT_HANDSHAKE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/storage/log_storage.h"
#include "z4j/raft/v1/raft.pb.h"

// What two nodes tell each other before anything else.  Pure.
namespace z4j::consensus {

namespace pb = ::z4j::raft::v1;

inline constexpr uint32_t kPeerProtocolVersion = 1;

// What this node says of itself.
struct Self {
  NodeIdentity identity;
  absl::Duration election_timeout;
  std::string version;  // Of the program, for people.
};

pb::PeerFrame HelloFrame(const Self& self);

// Who the other one is, if the two may talk.
//   INVALID_ARGUMENT     it is no Hello, or names no node.
//   FAILED_PRECONDITION  another cluster, protocol or election timeout; this very node.
absl::StatusOr<NodeIdentity> CheckHello(const pb::PeerFrame& frame, const Self& self);

// OK if `message` is from `peer`, for `self`.  INVALID_ARGUMENT.
absl::Status CheckEnvelope(const Message& message, const NodeIdentity& peer,
                           const NodeIdentity& self);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_HANDSHAKE_H_
