#ifndef Z4J_CONSENSUS_RPC_EVENT_HUB_H_
#define Z4J_CONSENSUS_RPC_EVENT_HUB_H_

#include <grpcpp/support/status.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/machine/coordination_machine.h"
#include "services/consensus/machine/event.h"
#include "services/consensus/node/replica.h"

// Brings what the machine did to the calls that wait for it.
namespace z4j::consensus {

// A call that lives longer than one answer.  What the hub tells it comes on the core thread, one
// at a time, and may still come for a moment after Remove(); it must not block.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // Nothing more comes: finish the call with `status`.  Also called by EndAll()'s thread.
  virtual void OnEnd(const grpc::Status& status) = 0;
};

// Waits for what becomes of a ticket.
class TicketWaiter : public Subscriber {
 public:
  virtual void OnGranted(Token token, const CoordinationMachine& machine) = 0;
  virtual void OnWaitEnded(WaitEnded::Why why) = 0;
  // Events were lost: look at the machine.
  virtual void OnReplaced(const CoordinationMachine& machine) = 0;
};

// Follows who leads under a name.
class LeaderWatcher : public Subscriber {
 public:
  // The machine has the revision that was waited for.
  virtual void OnCaughtUp(const CoordinationMachine& machine) = 0;
  virtual void OnLeader(const LeaderChanged& changed) = 0;
  // Events were lost.
  virtual void OnReplaced() = 0;
};

// Follows changes of keys.
class KvWatcher : public Subscriber {
 public:
  virtual void OnChanged(const KvChanged& changed, const CoordinationMachine& machine) = 0;
  // Events were lost: what was missed is in the machine's history, or is gone.
  virtual void OnReplaced(const CoordinationMachine& machine) = 0;
};

// Whoever looks at the machine and then adds itself, in one go on the core thread, misses nothing.
// Thread-safe.  The Add functions say RESOURCE_EXHAUSTED at a bound, UNAVAILABLE after EndAll();
// then nothing was added.  Remove functions of what is not there do nothing.
class EventHub {
 public:
  absl::Status Add(Ticket ticket, std::shared_ptr<TicketWaiter> waiter) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether nobody else waits for the ticket now.
  bool Remove(Ticket ticket, const TicketWaiter* waiter) ABSL_LOCKS_EXCLUDED(mu_);

  // `call` is being answered that the ticket holds.  Of several calls for one ticket the last one
  // counts: WasLastAnswered says whether that is still `call`, and forgets it.
  void Answering(Ticket ticket, const TicketWaiter* call) ABSL_LOCKS_EXCLUDED(mu_);
  bool WasLastAnswered(Ticket ticket, const TicketWaiter* call) ABSL_LOCKS_EXCLUDED(mu_);

  // From then on OnLeader comes for every change of `name`.
  absl::Status Add(const std::string& name, std::shared_ptr<LeaderWatcher> watcher)
      ABSL_LOCKS_EXCLUDED(mu_);
  // OnCaughtUp comes once, when the machine has `revision`.
  absl::Status AddLater(Revision revision, std::shared_ptr<LeaderWatcher> watcher)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const std::string& name, const LeaderWatcher* watcher) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Status Add(std::shared_ptr<KvWatcher> watcher) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const std::shared_ptr<KvWatcher>& watcher) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends with the leadership, and is told nothing else.
  absl::Status AddLeaderBound(std::shared_ptr<Subscriber> subscriber) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveLeaderBound(const std::shared_ptr<Subscriber>& subscriber) ABSL_LOCKS_EXCLUDED(mu_);

  // Does `task` once, when something more was applied, on the core thread; drops it if the
  // leadership ends before.
  void AtNextEvents(absl::AnyInvocable<void()> task) ABSL_LOCKS_EXCLUDED(mu_);

  // --- The core thread's ------------------------------------------------------------------------
  void OnEvents(const std::vector<Event>& events, const CoordinationMachine& machine)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The leadership ended: so do the waits for tickets, whose places remain, and what is bound to
  // it.
  void EndLeaderBound(const grpc::Status& waits, const grpc::Status& others)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends everything; nothing can be added any more.
  void EndAll(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  template <typename T>
  using Found = std::vector<std::shared_ptr<T>>;

  absl::Status MayAdd(size_t there, size_t max, const char* what) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Found<TicketWaiter> WaitersOf(Ticket ticket) ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(const Granted& granted, const CoordinationMachine& machine);
  void Tell(const WaitEnded& ended, const CoordinationMachine& machine);
  void Tell(const LeaderChanged& changed, const CoordinationMachine& machine);
  void Tell(const SessionEnded&, const CoordinationMachine&) {}  // Its tickets have their events.
  void Tell(const KvChanged& changed, const CoordinationMachine& machine);
  void Tell(const StateReplaced& replaced, const CoordinationMachine& machine);
  Found<LeaderWatcher> TakeCaughtUp(Revision revision) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::multimap<Ticket, std::shared_ptr<TicketWaiter>> tickets_ ABSL_GUARDED_BY(mu_);
  std::map<Ticket, const TicketWaiter*> answered_ ABSL_GUARDED_BY(mu_);  // Until it was heard.
  std::multimap<std::string, std::shared_ptr<LeaderWatcher>> leaders_ ABSL_GUARDED_BY(mu_);
  std::multimap<Revision, std::shared_ptr<LeaderWatcher>> later_ ABSL_GUARDED_BY(mu_);
  std::set<std::shared_ptr<KvWatcher>> kv_ ABSL_GUARDED_BY(mu_);
  std::set<std::shared_ptr<Subscriber>> leader_bound_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::AnyInvocable<void()>> tasks_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_EVENT_HUB_H_
