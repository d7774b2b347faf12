#ifndef Z4J_SCHEDULER_RPC_CONTEXT_H_
#define Z4J_SCHEDULER_RPC_CONTEXT_H_

#include "services/base/clock.h"
#include "services/scheduler/audit/chain.h"
#include "services/scheduler/mutate/committer.h"
#include "services/scheduler/rpc/cluster_view.h"
#include "services/scheduler/rpc/fire_feed.h"
#include "services/scheduler/rpc/watch_hub.h"
#include "services/scheduler/rpc/worker_pool.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// What every service works with; all of it outlives them.
struct RpcContext {
  ScheduleStore& store;
  Committer& committer;
  const Keyring& keys;
  Clock& clock;
  ClusterView& cluster;
  WorkerPool& pool;
  WatchHub& hub;
  FireFeed& feed;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_CONTEXT_H_
