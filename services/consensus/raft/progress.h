#ifndef Z4J_CONSENSUS_RAFT_PROGRESS_H_
#define Z4J_CONSENSUS_RAFT_PROGRESS_H_

#include <deque>
#include <optional>
#include <utility>

#include "services/consensus/raft/lease.h"
#include "services/consensus/raft/raft.h"

// What the leader knows about one peer.
namespace z4j::consensus {

// Appends that were sent and not answered, bounded by messages and by bytes.
class Inflights {
 public:
  Inflights(size_t messages_max, size_t bytes_max)
      : messages_max_(messages_max), bytes_max_(bytes_max) {}

  // A single message may go beyond the bytes, else a large one would never be sent.
  bool Full() const { return sent_.size() >= messages_max_ || bytes_ >= bytes_max_; }
  void Add(Index last, size_t bytes);  // `last`: of the message's entries.
  void FreeTo(Index match);            // Answers are cumulative.
  void Clear();
  size_t bytes() const { return bytes_; }

 private:
  size_t messages_max_;
  size_t bytes_max_;
  std::deque<std::pair<Index, size_t>> sent_;
  size_t bytes_ = 0;
};

struct Progress {
  using State = PeerStatus::State;

  Progress(Index last, MonoTime now, size_t inflight_messages, size_t inflight_bytes)
      : next(last + 1), heard(now), inflights(inflight_messages, inflight_bytes) {}

  // Probe: one message at a time finds where the logs agree.  Replicate: `next` runs ahead of the
  // answers.  Snapshot: nothing is sent until the transfer has ended.
  State state = State::kProbe;
  Index match;  // On the peer's disk and equal to ours.
  Index next;
  Index applied;
  Index commit_sent;       // The commit index that the peer was told of last.
  Index pending_snapshot;  // State kSnapshot: what is being transferred.
  bool probe_sent = false;

  MonoTime heard;                    // When the last answer came; at first when we began to listen.
  bool answered = false;             // At least one came.
  MonoTime acknowledged = kLongAgo;  // The newest send instant that was answered.
  uint64_t read_round = 0;           // The newest read round that was answered.
  std::optional<absl::Duration> round_trip;  // Smoothed, as TCP does.
  bool connected = true;                     // The transport's hint.
  Inflights inflights;
  SendLog sends;

  void BecomeProbe();
  void BecomeReplicate();
  void BecomeSnapshot(Index snapshot);
  bool Paused() const;
  // Returns whether `match` moved.
  bool TakeMatch(Index answered_match);
  // A rejection of the append after `rejected_prev`; `try_prev`: where the logs may agree.  False:
  // a stray one, nothing to do (R7).
  bool TakeReject(Index rejected_prev, Index try_prev);
  void SentEntries(Index last, size_t bytes);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_PROGRESS_H_
