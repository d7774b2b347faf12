#ifndef Z4J_SCHEDULER_LOOP_STATE_CHANGES_H_
#define Z4J_SCHEDULER_LOOP_STATE_CHANGES_H_

#include <string>

#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// The seam through which the loop asks for audited changes of a schedule's state.  They are made
// asynchronously, and come back to the loop as changes of the store like anyone's; one that is lost
// is asked for again.  Implementations return at once and are thread-safe.
class StateChanges {
 public:
  virtual ~StateChanges() = default;

  // It will never fire again.
  virtual void Finish(const ScheduleKey& schedule) = 0;
  // It cannot be computed or stored any more: `reason` is a sentence for people.
  virtual void Quarantine(const ScheduleKey& schedule, const std::string& reason) = 0;
  // The instant until which it was paused has come.
  virtual void Resume(const ScheduleKey& schedule) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_STATE_CHANGES_H_
