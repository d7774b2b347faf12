#ifndef Z4J_CONSENSUS_RAFT_DISK_QUEUE_H_
#define Z4J_CONSENSUS_RAFT_DISK_QUEUE_H_

#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "services/consensus/raft/log.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/raft/raft.h"

// What the disk has been told, what it has confirmed, and what must wait for that.
namespace z4j::consensus {

// A candidate's vote for itself: it counts when it is on the disk, like everybody else's.
struct SelfVote {
  Term term;
};
using Promise = std::variant<Message, SelfVote>;

class DiskQueue {
 public:
  DiskQueue(HardState found, Index last);

  // The log was cut.  Writes on their way no longer make these entries durable, even if the same
  // entries come back by a later write: between the two the disk may hold others (R21, R23).
  void TruncatedFrom(Index from);
  // The log restarts behind a snapshot; of the old one, what was committed is still as it was.
  void Restarted(const SnapshotMeta& meta, Index commit);

  // Whether something that a promise may rest on has not been handed to the disk yet.
  bool MustSync(const HardState& now, Index last) const;
  bool HasWrite(const HardState& now, Index last) const;

  // Takes a promise that rests on everything up to now.  Returned: it may leave at once.
  std::optional<Promise> Withhold(Promise promise, const HardState& now, Index last);

  // The next write, if there is one.
  std::optional<Write> TakeWrite(const HardState& now, const Log& log);
  // Returns the promises that may leave now, in order.
  std::vector<Promise> Persisted(uint64_t seq);

  // Entries up to here, of the log as it is now, are on the disk.
  Index persisted() const { return persisted_; }
  // So is this term and vote.
  bool HasHardState(const HardState& now) const;

 private:
  struct InFlight {
    uint64_t seq = 0;
    Index durable_to;  // What will be durable when it is done.
  };
  struct Waiting {
    uint64_t seq = 0;
    Promise promise;
  };

  HardState handed_;   // The newest hard state that was handed out.
  Index handed_last_;  // Entries up to here were handed out …
  Index write_from_;   // … and from here on the log differs from that.
  std::optional<SnapshotMeta> snapshot_;
  bool sync_owed_ = false;  // A promise waits for the write that has not been handed out.

  uint64_t next_seq_ = 1;
  uint64_t last_sync_seq_ = 0;   // The newest write handed out that must be synced.
  uint64_t hard_state_seq_ = 0;  // The newest that has a term or vote.
  uint64_t persisted_seq_ = 0;
  Index persisted_;
  std::deque<InFlight> in_flight_;
  std::deque<Waiting> waiting_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_DISK_QUEUE_H_
