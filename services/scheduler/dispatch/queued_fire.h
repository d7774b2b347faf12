#ifndef Z4J_SCHEDULER_DISPATCH_QUEUED_FIRE_H_
#define Z4J_SCHEDULER_DISPATCH_QUEUED_FIRE_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/dispatch/adapter_link.h"

namespace z4j::scheduler {

// Where and how the fires of a schedule go.  Immutable, shared by its fires.
struct DispatchTarget {
  std::string engine;
  std::shared_ptr<const TaskTemplate> task;  // Never null.
  RetryPolicy retry;
  absl::Duration catch_up_window;
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
