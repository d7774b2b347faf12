#ifndef Z4J_SCHEDULER_ELECT_LEADERSHIP_SOURCE_H_
#define Z4J_SCHEDULER_ELECT_LEADERSHIP_SOURCE_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "services/base/clock.h"
#include "services/scheduler/elect/leader_elector.h"

namespace z4j::scheduler {

// What a RaftElector asks of the consensus node in its own process.  Implemented where the server
// is put together, so that this room knows nothing of Raft.  Thread-safe.
class LeadershipSource {
 public:
  virtual ~LeadershipSource() = default;

  // `on_change` is called whenever Held() may have begun or ceased to be something: from any
  // thread, which it must not block.  The one before it is not called any more when this returns.
  virtual void SetOnChange(std::function<void()> on_change) = 0;

  // The leadership of the consensus cluster, if this node has it: the token grows from one to the
  // next, over all nodes.  `trusted_until` is past while it is being handed over.  Does not block.
  virtual std::optional<LeaderTerm> Held() = 0;
  // Whoever leads, as far as known; token 0: not known.  Does not block.
  virtual LeaderInfo Leader() = 0;

  // INVALID_ARGUMENT: `node` is no other voter.
  virtual absl::Status CheckSuccessor(const std::string& node) = 0;
  // Hands leadership over, and waits for it, at most until `deadline`.  OK: this node leads no
  // more.
  //   UNAVAILABLE  nobody took over.  Held() may have no trust left then, until Campaign().
  virtual absl::Status HandOver(const std::string& successor, MonoTime deadline) = 0;
  // Gives a leadership up that can have no trust any more, so that somebody is elected.
  virtual void Campaign() = 0;
  // Has all later tokens be > `seen`; Held() then has a new one.  Waits at most until `deadline`.
  // Errors: it may happen later, or never.
  virtual absl::Status RaiseTokens(FencingToken seen, MonoTime deadline) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_LEADERSHIP_SOURCE_H_
