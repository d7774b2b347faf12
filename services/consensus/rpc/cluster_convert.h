#ifndef Z4J_CONSENSUS_RPC_CLUSTER_CONVERT_H_
#define Z4J_CONSENSUS_RPC_CLUSTER_CONVERT_H_

#include "services/base/mono_time.h"
#include "services/consensus/raft/raft.h"
#include "z4j/consensus/v1/cluster.pb.h"

// What Raft says of a node and its peers, in the proto's terms.
namespace z4j::consensus {

v1::NodeRole RoleOf(const RaftStatus& raft, NodeId self);

// Both are sorted by number.
void SetMembers(const Config& config, google::protobuf::RepeatedPtrField<v1::Member>* out);
// Empty unless the node leads.
void SetPeers(const RaftStatus& raft, MonoTime now,
              google::protobuf::RepeatedPtrField<v1::PeerStatus>* out);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_CLUSTER_CONVERT_H_
