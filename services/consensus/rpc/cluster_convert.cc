#include "services/consensus/rpc/cluster_convert.h"

#include <algorithm>

#include "services/consensus/rpc/convert.h"

namespace z4j::consensus {
namespace {

v1::MemberRole RoleOf(const Config& config, NodeId id) {
  if (config.voters.contains(id)) return v1::MEMBER_ROLE_VOTER;
  return config.outgoing.contains(id) ? v1::MEMBER_ROLE_LEAVING : v1::MEMBER_ROLE_LEARNER;
}

}  // namespace

v1::NodeRole RoleOf(const RaftStatus& raft, NodeId self) {
  switch (raft.soft.role) {
    case Role::kLeader:
      return v1::NODE_ROLE_LEADER;
    case Role::kCandidate:
    case Role::kPreCandidate:
      return v1::NODE_ROLE_CANDIDATE;
    case Role::kFollower:
      break;
  }
  return raft.config.IsVoter(self) ? v1::NODE_ROLE_FOLLOWER : v1::NODE_ROLE_LEARNER;
}

void SetMembers(const Config& config, google::protobuf::RepeatedPtrField<v1::Member>* out) {
  for (const auto& [id, member] : config.members) {
    v1::Member& added = *out->Add();
    added.set_node_id(id.value);
    added.set_peer_address(member.address);
    added.set_client_address(member.address);
    added.set_incarnation(member.incarnation.value);
    added.set_role(RoleOf(config, id));
  }
}

void SetPeers(const RaftStatus& raft, MonoTime now,
              google::protobuf::RepeatedPtrField<v1::PeerStatus>* out) {
  for (const PeerStatus& peer : raft.peers) {
    v1::PeerStatus& added = *out->Add();
    added.set_node_id(peer.id.value);
    added.set_match_index(peer.match.value);
    added.set_lag_entries(raft.last > peer.match ? raft.last - peer.match : 0);
    if (peer.round_trip) SetDuration(*peer.round_trip, added.mutable_round_trip());
    if (peer.heard) {
      SetDuration(std::max(now - *peer.heard, absl::ZeroDuration()), added.mutable_last_contact());
    }
    added.set_receiving_snapshot(peer.state == PeerStatus::State::kSnapshot);
  }
}

}  // namespace z4j::consensus
