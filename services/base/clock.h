#ifndef Z4J_BASE_CLOCK_H_
#define Z4J_BASE_CLOCK_H_

#include "absl/time/time.h"
#include "services/base/mono_time.h"

namespace z4j {

// Where loops get the time from.  Cores never hold one: they are told the time.  Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // The wall clock.  It may jump in either direction.
  virtual absl::Time Now() = 0;

  // For leases, timeouts and measuring.
  virtual MonoTime MonoNow() = 0;
};

// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  absl::Time Now() override;
  MonoTime MonoNow() override;
};

}  // namespace z4j

#endif  // Z4J_BASE_CLOCK_H_
