#ifndef Z4J_CONSENSUS_CLIENT_REQUEST_IDS_H_
#define Z4J_CONSENSUS_CLIENT_REQUEST_IDS_H_

#include <cstdint>
#include <optional>
#include <set>

#include "services/consensus/limits.h"

namespace z4j::consensus::client {

// What names a mutation, besides its owner.
struct RequestNumber {
  uint64_t sequence = 0;
  uint64_t first_outstanding = 0;
  friend bool operator==(const RequestNumber&, const RequestNumber&) = default;
};

// The numbers of one owner's mutations.  One begun keeps its number until its fate is known or
// nobody asks any more, however often it is sent.  Pure; not thread-safe.
class RequestIds {
 public:
  // None: the oldest mutation under way is kOutstandingMax numbers back; try when one has ended.
  std::optional<RequestNumber> Begin() {
    const uint64_t sequence = last_ + 1;
    const uint64_t oldest = under_way_.empty() ? sequence : *under_way_.begin();
    if (sequence - oldest > kOutstandingMax) return std::nullopt;
    last_ = sequence;
    under_way_.insert(sequence);
    return RequestNumber{sequence, oldest};
  }
  // Nobody will send this one again.
  void End(uint64_t sequence) { under_way_.erase(sequence); }
  bool idle() const { return under_way_.empty(); }
  bool fresh() const { return last_ == 0; }

 private:
  uint64_t last_ = 0;
  std::set<uint64_t> under_way_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_REQUEST_IDS_H_
