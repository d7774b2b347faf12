#ifndef Z4J_CONSENSUS_SERVER_BEGINNING_H_
#define Z4J_CONSENSUS_SERVER_BEGINNING_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/consensus/raft/types.h"

// What a new directory begins with: a cluster that is founded, or one that runs.  Pure.
namespace z4j::consensus {

struct Beginning {
  ClusterId cluster;
  Config config;  // Empty: the node is, or will be, added.
};

// How people change the members of the cluster, for what they are told.
struct MemberVerbs {
  std::string name;    // Of this node: "node 3", "n3".
  std::string add;     // "z4j-consensus add 3 10.0.0.3:7811"
  std::string remove;  // "z4j-consensus remove 3"
};

// What a member said of the cluster that it is in.
struct KnownCluster {
  struct Member {
    bool votes = false;
    Incarnation incarnation;
  };
  std::string address;  // Who said so.
  ClusterId cluster;
  uint64_t term = 0, revision = 0;  // As of when.
  std::map<NodeId, Member> members;
};

// What a new directory of node `id` begins with, after others were asked.  `founding`: what it is
// if nobody runs yet; none: it is to be added to what runs, and somebody answered.
//   FAILED_PRECONDITION  the cluster knows the node by another directory, which is lost: whoever
//   has
//                        forgotten its votes must not vote again.  Or a cluster runs already, and
//                        the node is none of its members, or founds another.
absl::StatusOr<Beginning> BeginningOf(NodeId id, const std::optional<Beginning>& founding,
                                      const std::vector<KnownCluster>& answers,
                                      const MemberVerbs& verbs);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_BEGINNING_H_
