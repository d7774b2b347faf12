#ifndef Z4J_CONSENSUS_RAFT_MESSAGE_H_
#define Z4J_CONSENSUS_RAFT_MESSAGE_H_

#include <variant>
#include <vector>

#include "services/consensus/raft/types.h"

// What Raft nodes say to each other.  A transport may lose, repeat, delay and reorder messages; it
// must not change one.
namespace z4j::consensus {

// §5.2, and §9.6 of Ongaro's thesis for `pre`: "would you vote for me in the envelope's term?"
struct VoteRequest {
  bool pre = false;
  Index last_index;
  Term last_term;
  // The old leader asked for this election (TimeoutNow): voters do not withhold their votes.
  bool transfer = false;
};
// A granted pre-vote carries the term that was asked for; a refusal carries the sender's own.
struct VoteReply {
  bool pre = false;
  bool granted = false;
};

// §5.3.  Without entries it is the heartbeat; always answered.
struct AppendRequest {
  Index prev_index;
  Term prev_term;
  std::vector<Entry> entries;  // Contiguous from prev_index + 1.
  Index commit;
  uint64_t send_id = 0;       // Names the leader's own send instant; echoed.  Never a clock value.
  uint64_t read_context = 0;  // The newest read round that this message confirms; echoed.
};
struct AppendReply {
  bool rejected = false;
  Index match;          // Accepted: everything up to here equals the leader's and is on the disk.
  Index rejected_prev;  // Rejected: the request's prev_index, so that a stray answer is told apart.
  Index hint_index;     // Rejected: the largest index that may match.
  Term hint_term;       // Rejected: the term there.
  uint64_t send_id = 0;
  uint64_t read_context = 0;
  Index applied;
};

// The leader no longer has what the follower lacks.  The transport brings the snapshot's bytes, and
// hands this message to the receiving core only when they are on its disk.
struct InstallSnapshot {
  SnapshotMeta meta;
  uint64_t send_id = 0;
};

// §3.10 of the thesis: "campaign at once".
struct TimeoutNow {};

// A follower asks for an index to wait for, so that it can answer a read by itself.
struct ReadRequest {
  uint64_t context = 0;
};
struct ReadReply {
  uint64_t context = 0;
  Index index;
};

using MessageBody = std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply,
                                 InstallSnapshot, TimeoutNow, ReadRequest, ReadReply>;

struct Message {
  ClusterId cluster;
  NodeId from;
  Incarnation incarnation;  // The sender's.
  NodeId to;
  Term term;
  MessageBody body;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_MESSAGE_H_
