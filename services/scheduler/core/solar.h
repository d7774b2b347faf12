#ifndef Z4J_SCHEDULER_CORE_SOLAR_H_
#define Z4J_SCHEDULER_CORE_SOLAR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// The instants of a solar event from 1970 to 2199, in whole milliseconds, at sea level and
// without refraction but for the 34' that sunrise and sunset take for granted: the conventions of
// Celery (ephem with pressure 0).  Within a few seconds of ephem, except where the sun only just
// reaches the event's altitude and a hair's breadth decides.  A given event always has the same
// instant, whatever is asked.  INVALID_ARGUMENT on "spec.solar.latitude", "….longitude",
// "….offset" or "….event" if out of bounds.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileSolar(const SolarSpec& spec);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_SOLAR_H_
