#ifndef Z4J_CONSENSUS_SERVER_CONSENSUS_OPTIONS_H_
#define Z4J_CONSENSUS_SERVER_CONSENSUS_OPTIONS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/consensus/admission/limits.h"
#include "services/consensus/node/node.h"
#include "services/consensus/server/beginning.h"
#include "services/consensus/server/founding.h"
#include "services/consensus/transport/authentication.h"

namespace z4j::consensus {

// What a node is told.  What it needs to know only once, to make its directory, is passed over when
// the directory is there.
struct ConsensusOptions {
  NodeId id{1};
  std::string data_dir;  // Made, with its parents, if it is not there.
  // "host:port" for the other nodes and for clients alike; empty: this node's among `members`.
  std::string listen;
  // The same on all nodes; nodes with different ones do not talk to each other.
  absl::Duration election_timeout = absl::Milliseconds(150);
  // How the nodes prove to each other who they are; clients need certificates of the same authority
  // if it is TLS.  None: whoever reaches `listen` is believed (see CheckPeerListener).
  PeerAuthentication authentication;
  // How many calls a client may make for keys and locks, and as many for all else (see Admission);
  // 0: no limit.
  int requests_per_second = kRequestsPerSecond;

  // --- Only to make the directory -------------------------------------------------------------
  // With the members it decides which cluster it is; so that two that once had the same addresses
  // are told apart.
  std::string cluster_name = "z4j";
  // The whole first cluster, this node included; equal on all nodes.  Empty: this node alone.
  Members members;
  // Instead of `members`, for a node that is added to a cluster that runs: addresses of members of
  // that cluster, of whom one must answer when the directory is made.
  std::vector<std::string> join;
  // What refusals tell people to do; empty: by z4j-consensus.
  MemberVerbs verbs;

  // --- For tests ------------------------------------------------------------------------------
  uint64_t snapshot_every = kSnapshotEvery;
  RaftLimits limits;

  // --- Whom the node tells, on its core thread: neither may block or stop the server ------------
  // A leadership began, or ended.
  std::function<void(const std::optional<Leadership>& leadership)> on_leadership;
  // The node cannot go on, and the process must end.  Called once; the log has it already.
  std::function<void(const absl::Status& status)> on_fatal;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_CONSENSUS_OPTIONS_H_
