#ifndef Z4J_SCHEDULER_ELECT_LEADER_ELECTOR_H_
#define Z4J_SCHEDULER_ELECT_LEADER_ELECTOR_H_

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/scheduler/store/schedule_store.h"

// The seam to "who may tick".  Leadership is a value, not a flag: ask for the term, act until it
// can no longer be trusted, and pass its token with every write.
//
// What every elector promises (solo, PostgreSQL, Raft):
//   * Tokens only grow, from term to term and from holder to holder.  At most one node holds a
//     token, and no two terms share one.
//   * `trusted_until` is reckoned from when the renewal was sent, by CLOCK_BOOTTIME, and no other
//     node is given a term before it; as far as clocks run evenly.  The fence holds beyond that.
//   * Not knowing is not leading: an error, a lost quorum or a lost connection ends the term.
// Thread-safe.
namespace z4j::scheduler {

struct LeaderTerm {
  FencingToken token;
  MonoTime trusted_until;  // After this instant another node may hold a newer term.
};

struct LeaderInfo {
  std::string holder;  // Node id of the leader as far as known; empty: none known.
  FencingToken token;
};

class LeaderElector {
 public:
  virtual ~LeaderElector() = default;

  // Begins to campaign in the background.  `on_change` is called, from the elector's thread and
  // without its lock, whenever Current() may have begun or ceased to hold a term; a term that only
  // runs out of trust is seen by asking.
  virtual absl::Status Start(absl::AnyInvocable<void()> on_change) = 0;
  // The term this node holds and may still trust at `now`; none otherwise.  Never blocks on I/O:
  // it is asked before every write.
  virtual std::optional<LeaderTerm> Current(MonoTime now) = 0;
  virtual LeaderInfo Leader() = 0;
  // Gives the term up at once, so that another node need not wait for it to run out, and does not
  // campaign for the next `pause`.  Call after the last write of the term: Current() holds none as
  // soon as this returns, and others are told, or the successor chosen (Raft), in the background.
  virtual void Resign(absl::Duration pause) = 0;
  // As Resign, and `successor` shall lead next (see CheckSuccessor); empty: whoever can.
  virtual void ResignTo(const std::string& successor, absl::Duration pause);
  // Whether ResignTo may name this node.  INVALID_ARGUMENT: it is no node that could lead;
  // FAILED_PRECONDITION: there is nobody else, or this elector does not choose.
  virtual absl::Status CheckSuccessor(const std::string& successor);
  // The store refused this node's term, as it has seen the token `seen`, and no later term of this
  // cluster gave it: a store that served another election before, or the election's own state was
  // made anew.  The next terms have tokens above it, as far as this elector can see to that.
  virtual void MustExceed(FencingToken seen);
  // Resigns, returns once others can have the term or cannot be told, joins the thread.
  // Idempotent.
  virtual void Stop() = 0;
};

inline void LeaderElector::ResignTo(const std::string&, absl::Duration pause) { Resign(pause); }

inline absl::Status LeaderElector::CheckSuccessor(const std::string& successor) {
  if (successor.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError("this election does not choose who leads next; name nobody");
}

inline void LeaderElector::MustExceed(FencingToken) {}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_LEADER_ELECTOR_H_
