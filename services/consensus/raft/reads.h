#ifndef Z4J_CONSENSUS_RAFT_READS_H_
#define Z4J_CONSENSUS_RAFT_READS_H_

#include <deque>
#include <optional>
#include <vector>

#include "services/base/mono_time.h"
#include "services/consensus/raft/types.h"

// Linearizable reads by ReadIndex (§6.4 of the thesis).
namespace z4j::consensus {

struct ReadAsked {
  NodeId from;  // The peer that asked; this node itself for its own reads.
  uint64_t context = 0;
};

// The leader's side.  Reads that arrive between two rounds share the next one; a round is confirmed
// when a quorum has answered a message sent in it or later.  Rounds only grow, and an answer names
// the round of the message that it answers: none can confirm a read that was asked later (R19).
class ReadRounds {
 public:
  struct Confirmed {
    ReadAsked read;
    Index index;
  };

  // `commit`: the index to read at; none while the own term has committed nothing, then the read
  // waits for Confirmable().  False: full, the read is not taken.
  bool Add(ReadAsked read, std::optional<Index> commit);
  void Confirmable(Index commit);

  bool wants_round() const { return !reads_.empty() && reads_.back().round > round_; }
  void StartRound() { ++round_; }
  uint64_t round() const { return round_; }

  // Everything up to `round` is confirmed.
  std::vector<Confirmed> Confirm(uint64_t round);
  // The leadership ended: all reads, to be answered with "ask again".
  std::vector<ReadAsked> TakeAll();

 private:
  struct Pending {
    ReadAsked read;
    Index index;
    uint64_t round = 0;
  };

  uint64_t round_ = 0;
  std::deque<Pending> reads_;  // By round.
  std::vector<ReadAsked> waiting_;
};

// The side of a node that asks the leader.  The number on the wire starts at a random place: after
// a restart an answer to a question from before cannot be taken for a new one's.
class ReadsAsked {
 public:
  explicit ReadsAsked(uint64_t first_number) : next_(first_number) {}

  // The number to ask with.  None: full.
  std::optional<uint64_t> Add(uint64_t context, MonoTime now);
  // The context that was asked with this number, once.
  std::optional<uint64_t> Take(uint64_t number);
  // Contexts asked at `until` or earlier, to be answered with "ask again".
  std::vector<uint64_t> TakeOlder(MonoTime until);
  std::optional<MonoTime> oldest() const;

 private:
  struct Question {
    uint64_t number = 0;
    uint64_t context = 0;
    MonoTime asked;
  };

  uint64_t next_;
  std::deque<Question> questions_;  // By number, and so by time.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_READS_H_
