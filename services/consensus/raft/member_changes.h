#ifndef Z4J_CONSENSUS_RAFT_MEMBER_CHANGES_H_
#define Z4J_CONSENSUS_RAFT_MEMBER_CHANGES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "services/consensus/raft/membership.h"
#include "services/consensus/raft/raft.h"

// What an operator's wish comes to at the leader, as it sees the cluster when it is asked.  Pure.
// What else a change can be refused for, as while another is under way, is Raft::ProposeChange's.
// INVALID_ARGUMENT speaks of the address, or of the node where none is given.
namespace z4j::consensus {

// How people are told of a node: "node 3", "n3".
using NameOfNode = std::function<std::string(NodeId)>;

// Adds a member without a vote.
//   ALREADY_EXISTS      it is a member.
//   INVALID_ARGUMENT    another member has the address.
//   RESOURCE_EXHAUSTED  there are kMembersMax.
absl::StatusOr<ConfigChange> PlanAdd(const RaftStatus& leader, NodeId id, const Member& member,
                                     const NameOfNode& name);

// Gives a learner its vote; no steps if it has one.
//   NOT_FOUND            it is no member.
//   FAILED_PRECONDITION  it does not answer, or lacks more than kPromoteLagEntriesMax entries.
absl::StatusOr<ConfigChange> PlanPromote(const RaftStatus& leader, NodeId id,
                                         const NameOfNode& name);

// Removes a member, dead or alive; `self` leads.
//   NOT_FOUND            it is no member.
//   INVALID_ARGUMENT     it is the last voter.
//   FAILED_PRECONDITION  of the voters that remain no majority answers, so that nothing could be
//                        decided any more.
absl::StatusOr<ConfigChange> PlanRemove(const RaftStatus& leader, NodeId self, NodeId id,
                                        const NameOfNode& name);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_MEMBER_CHANGES_H_
