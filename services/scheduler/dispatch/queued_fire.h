#ifndef Z4J_SCHEDULER_DISPATCH_QUEUED_FIRE_H_
#define Z4J_SCHEDULER_DISPATCH_QUEUED_FIRE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/scheduler/core/engine_fit.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/dispatch/affinity.h"

namespace z4j::scheduler {

// Where and how the fires of a schedule go.  Immutable, shared by its fires.
struct DispatchTarget {
  std::string engine;
  std::map<std::string, std::string> labels;  // That an instance must hold.
  int affinity_slot = kNoAffinity;
  std::shared_ptr<const TaskTemplate> task;  // Never null.
  RetryPolicy retry;
  absl::Duration catch_up_window;

  Route route() const { return {engine, task->queue, labels}; }
};

// A PENDING fire on its way: what the dispatcher keeps of a row.
struct QueuedFire {
  FireKey key;
  FireId id;
  FireKind kind = FireKind::kScheduled;
  absl::Time dispatch_after;
  absl::Time decided_at;
  int attempts = 0;
  int64_t batch_id = 0;
  std::shared_ptr<const DispatchTarget> target;  // Never null.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_QUEUED_FIRE_H_
