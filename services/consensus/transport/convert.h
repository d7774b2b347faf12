#ifndef Z4J_CONSENSUS_TRANSPORT_CONVERT_H_
#define Z4J_CONSENSUS_TRANSPORT_CONVERT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/raft/message.h"
#include "z4j/raft/v1/raft.pb.h"

// Raft's messages and z4j.raft.v1, one to one.  Pure.
namespace z4j::consensus {

namespace pb = ::z4j::raft::v1;

void SetMessage(const Message& message, pb::Message* out);

// Takes the entries' bytes out of `in`.  INVALID_ARGUMENT: a part is missing, out of its bounds or
// contradicts another; no correct node sends such a message.
absl::StatusOr<Message> TakeMessage(pb::Message&& in);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_CONVERT_H_
