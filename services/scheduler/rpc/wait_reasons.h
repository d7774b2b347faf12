#ifndef Z4J_SCHEDULER_RPC_WAIT_REASONS_H_
#define Z4J_SCHEDULER_RPC_WAIT_REASONS_H_

#include <map>

#include "services/scheduler/rpc/cluster_view.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// Says why PENDING fires wait.  Their rows do not tell: the reason is that of their engine now.
// For the fires of one answer: each schedule is looked up once.
class WaitReasons {
 public:
  WaitReasons(ScheduleStore& store, ClusterView& cluster) : store_(store), cluster_(cluster) {}

  // Sets the reason of a PENDING fire that has none; leaves every other one.
  void Explain(NamedFire& named);

 private:
  ScheduleStore& store_;
  ClusterView& cluster_;
  std::map<ScheduleKey, FireReason> known_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_WAIT_REASONS_H_
