#ifndef Z4J_SCHEDULER_CORE_OUTAGE_H_
#define Z4J_SCHEDULER_CORE_OUTAGE_H_

#include <vector>

#include "absl/time/time.h"

namespace z4j::scheduler {

// A due time this much late is still on time even if no leader was live.
inline constexpr absl::Duration kOnTimeGrace = absl::Seconds(30);

// Time in which no leader was live: (from, to].  Due times in it that are more than kOnTimeGrace
// and the greatest jitter older than `to` are missed, and the catch-up policy judges them; every
// other one is late at worst.
struct Outage {
  absl::Time from = absl::InfinitePast();
  absl::Time to = absl::InfinitePast();

  friend bool operator==(const Outage&, const Outage&) = default;
};

// Adds (from, to], `to` being now, to `outages`, which stand in order and do not touch.  Times
// after `to` came from a clock that was ahead, and go.  An outage within the grace is left out,
// since nothing in it can be missed.  Beyond kOutagesMax the two that are closest become one.
// Pure.
void AddOutage(std::vector<Outage>& outages, absl::Time from, absl::Time to);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_OUTAGE_H_
