#ifndef Z4J_CONSENSUS_CLIENT_PURSUIT_H_
#define Z4J_CONSENSUS_CLIENT_PURSUIT_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/time/time.h"
#include "services/consensus/client/backoff.h"
#include "services/consensus/client/result.h"

namespace z4j::consensus::client {

// Whether a request whose fate is unknown may be sent again.
enum class Repeat {
  kHarmless,  // It reads, or its number or nonce lets the cluster do it once.
  kIfNotDone,
};

// One request, from its first attempt until its fate is known.  Each attempt that fails is told;
// the answer is when to send the same request again, or what to tell the caller.  Pure.
class Pursuit {
 public:
  // `nodes`: how many can be asked.
  Pursuit(Repeat repeat, size_t nodes, uint64_t seed) : repeat_(repeat), backoff_(nodes, seed) {}

  // Wait so long, then send it again; or it is over.
  using Next = std::variant<absl::Duration, Failure>;
  // `hinted`: the node that answered said who leads, and that one was not asked yet.
  Next Failed(Failure failure, bool hinted);

  // What to tell the caller if there are no more attempts, for `reason`.  Unknown, unless no
  // attempt was ever unknown.
  Failure GiveUp(Reason reason, absl::Status status) const;

 private:
  const Repeat repeat_;
  Backoff backoff_;
  bool may_be_done_ = false;  // By an attempt whose fate is unknown.
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_PURSUIT_H_
