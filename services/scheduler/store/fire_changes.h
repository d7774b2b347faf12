#ifndef Z4J_SCHEDULER_STORE_FIRE_CHANGES_H_
#define Z4J_SCHEDULER_STORE_FIRE_CHANGES_H_

#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// By due time: the order in which rows are written everywhere, so that no two transactions wait for
// each other.
bool KeyLess(const FireKey& a, const FireKey& b);

// What a call of UpdateFires does to one fire, as one write: most runs are handed over and end
// within it.  A row is changed if its state is not final and not greater than `last.state`;
// `dispatched_at` is not set on one that is RUNNING already.
struct FireChange {
  FireChange() { last.state = FireState::kPending; }

  // With the newest attempts and adapter that were given.
  FireUpdate last;
  // InfinitePast: leave.
  absl::Time dispatched_at = absl::InfinitePast(), started_at = absl::InfinitePast(),
             finished_at = absl::InfinitePast();
};

// Changes by key, and those whose key is not known, by id; each sorted, as all writers write.
struct FireChanges {
  std::vector<FireChange> by_key, by_id;
};

// Pure.
FireChanges FoldUpdates(absl::Span<const FireUpdate> updates);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_FIRE_CHANGES_H_
