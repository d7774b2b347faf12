#ifndef Z4J_CONSENSUS_RAFT_LEASE_H_
#define Z4J_CONSENSUS_RAFT_LEASE_H_

#include <deque>
#include <optional>

#include "absl/time/time.h"
#include "services/base/mono_time.h"
#include "services/consensus/raft/types.h"

// The leader's lease (§6.4.1 of the thesis).  A follower that takes a leader's message keeps its
// vote back for an election timeout from then on; the message was *sent* earlier still.  So for
// that long after the send instant which a quorum has answered, nobody else is elected.
namespace z4j::consensus {

constexpr MonoTime kLongAgo = {-absl::InfiniteDuration()};
constexpr MonoTime kForever = {absl::InfiniteDuration()};

struct Sent {
  uint64_t id = 0;
  MonoTime at;
  bool heartbeat = false;
};

// When which message went to one peer.  The peer echoes the id alone: no foreign clock ever enters
// the lease.  Bounded; the oldest are forgotten, which only shortens the lease.
class SendLog {
 public:
  void Add(Sent sent);  // Ids increase.
  // The message of this id; it and everything older are forgotten, as only newer sends matter from
  // now on.  None: unknown, or answered out of order.
  std::optional<Sent> Take(uint64_t id);
  size_t size() const { return sent_.size(); }

 private:
  std::deque<Sent> sent_;
};

// How long a lease lasts from its send instant on.
absl::Duration LeaseDuration(absl::Duration election_timeout);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_LEASE_H_
