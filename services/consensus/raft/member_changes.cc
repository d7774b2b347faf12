#include "services/consensus/raft/member_changes.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

std::string NamesOf(const std::vector<NodeId>& ids, const NameOfNode& name) {
  return absl::StrJoin(ids, ", ",
                       [&](std::string* out, NodeId id) { absl::StrAppend(out, name(id)); });
}

absl::Status NoMember(const RaftStatus& leader, NodeId id, const NameOfNode& name) {
  std::vector<NodeId> members;
  for (const auto& [member, known] : leader.config.members) members.push_back(member);
  return absl::NotFoundError(
      absl::StrCat(name(id), " is no member; there are ", NamesOf(members, name)));
}

const PeerStatus* PeerOf(const RaftStatus& leader, NodeId id) {
  const auto peer = std::find_if(leader.peers.begin(), leader.peers.end(),
                                 [id](const PeerStatus& it) { return it.id == id; });
  return peer == leader.peers.end() ? nullptr : &*peer;
}

bool Answers(const RaftStatus& leader, NodeId id) {
  const PeerStatus* peer = PeerOf(leader, id);
  return peer != nullptr && peer->recently_active;
}

}  // namespace

absl::StatusOr<ConfigChange> PlanAdd(const RaftStatus& leader, NodeId id, const Member& member,
                                     const NameOfNode& name) {
  for (const auto& [other, known] : leader.config.members) {
    if (other == id) {
      return absl::AlreadyExistsError(absl::StrCat(name(id), " is a member already"));
    }
    if (known.address == member.address) {
      return absl::InvalidArgumentError(
          absl::StrCat(member.address, " is the address of ", name(other)));
    }
  }
  if (leader.config.members.size() >= kMembersMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", kMembersMax, " members; no more are allowed"));
  }
  return ConfigChange{{{ConfigStep::Kind::kAddLearner, id, member}}};
}

absl::StatusOr<ConfigChange> PlanPromote(const RaftStatus& leader, NodeId id,
                                         const NameOfNode& name) {
  if (!leader.config.IsMember(id)) return NoMember(leader, id, name);
  if (leader.config.voters.contains(id)) return ConfigChange();
  if (!Answers(leader, id)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name(id), " does not answer; promote it when it does"));
  }
  const uint64_t lag = leader.last - PeerOf(leader, id)->match;
  if (lag > kPromoteLagEntriesMax) {
    return absl::FailedPreconditionError(absl::StrCat(name(id), " lacks ", lag,
                                                      " entries; at most ", kPromoteLagEntriesMax,
                                                      " may be missing.  Try again in a moment"));
  }
  return ConfigChange{{{ConfigStep::Kind::kAddVoter, id, {}}}};
}

absl::StatusOr<ConfigChange> PlanRemove(const RaftStatus& leader, NodeId self, NodeId id,
                                        const NameOfNode& name) {
  if (!leader.config.IsMember(id)) return NoMember(leader, id, name);
  const ConfigChange change = {{{ConfigStep::Kind::kRemove, id, {}}}};
  if (!leader.config.voters.contains(id)) return change;
  std::vector<NodeId> remaining, silent;
  for (const NodeId voter : leader.config.voters) {
    if (voter == id) continue;
    remaining.push_back(voter);
    if (voter != self && !Answers(leader, voter)) silent.push_back(voter);
  }
  if (remaining.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name(id), " is the last one that votes"));
  }
  if (2 * (remaining.size() - silent.size()) > remaining.size()) return change;
  return absl::FailedPreconditionError(absl::StrCat(
      "without ", name(id), " the cluster could decide nothing: ", NamesOf(remaining, name),
      " would vote, and ", NamesOf(silent, name), silent.size() == 1 ? " does" : " do",
      " not answer.  Start what is down, or remove that first"));
}

}  // namespace z4j::consensus
