#include "services/base/clock.h"

#include <time.h>

namespace z4j {
namespace {

timespec Read(clockid_t clock) {
  timespec ts;
  clock_gettime(clock, &ts);
  return ts;
}

}  // namespace

// absl::Now() counts processor cycles in between: it follows a clock that was set only after
// seconds.
absl::Time SystemClock::Now() { return absl::TimeFromTimespec(Read(CLOCK_REALTIME)); }

MonoTime SystemClock::MonoNow() { return {absl::DurationFromTimespec(Read(CLOCK_BOOTTIME))}; }

}  // namespace z4j
