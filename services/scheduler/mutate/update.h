#ifndef Z4J_SCHEDULER_MUTATE_UPDATE_H_
#define Z4J_SCHEDULER_MUTATE_UPDATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/scheduler/mutate/decide.h"
#include "services/scheduler/mutate/mutation.h"

namespace z4j::scheduler {

// The names that an update mask may hold: the fields of the proto that a user may change.
std::vector<std::string> MutableFields();

// Decides an update of `current`.  An edit that changes when it comes due never fires a time that
// is past: what was due and not yet decided becomes one SKIPPED(EDITED) row (SKIPPED(PAUSED) if it
// was paused, SKIPPED(SHADOW) if it was in shadow), and the watermark moves to now.  A finished
// schedule that comes due again is enabled, one with no due time left is finished; one that can be
// computed leaves quarantine.
// Codes as Decide.  Pure.
absl::StatusOr<Decision> DecideUpdate(const StoredSchedule& current, const UpdateSchedule& update,
                                      const Moment& moment);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_UPDATE_H_
