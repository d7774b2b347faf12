#include "services/base/clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace z4j {

absl::Time SystemClock::Now() { return absl::Now(); }

MonoTime SystemClock::MonoNow() {
  timespec ts;
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return {absl::DurationFromTimespec(ts)};
}

}  // namespace z4j
