#ifndef Z4J_SCHEDULER_RPC_FIRE_NOTES_H_
#define Z4J_SCHEDULER_RPC_FIRE_NOTES_H_

#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "services/scheduler/rpc/cluster_view.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// What the rows of fires do not tell, because it is that of their engine now: why PENDING ones
// wait, and why nobody knows what becomes of DISPATCHED and RUNNING ones.  For the fires of one
// answer: each schedule is looked up once.
class FireNotes {
 public:
  FireNotes(ScheduleStore& store, ClusterView& cluster, absl::Time now)
      : store_(store), cluster_(cluster), now_(now), routes_read_at_(now) {}

  // Sets the reason of a PENDING fire that has none; leaves every other one.
  void SetWaitReason(NamedFire& named);
  // DISPATCHED or RUNNING: a sentence that begins with "outcome unknown"; empty if the outcome is
  // expected, or known.  PENDING: why nobody takes it; empty if somebody does.
  std::string OutcomeNote(const NamedFire& named);
  // From here on it is `now`.
  void Refresh(absl::Time now);

 private:
  // Its engine is empty: its schedule is gone.
  const Route& RouteOf(const NamedFire& named);
  const WaitCause& WhyWaits(const Route& route);

  ScheduleStore& store_;
  ClusterView& cluster_;
  absl::Time now_, routes_read_at_;
  std::map<ScheduleId, Route> routes_;
  std::map<Route, WaitCause> wait_causes_;
  std::map<std::pair<std::string, std::string>, std::string> blind_why_;  // And instance.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_FIRE_NOTES_H_
