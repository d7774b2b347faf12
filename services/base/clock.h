#ifndef Z4J_BASE_CLOCK_H_
#define Z4J_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace z4j {

// An instant of the machine's CLOCK_BOOTTIME: it never jumps and goes on while the machine is
// suspended, so that a lease which ran out during a suspension is seen as run out.
struct MonoTime {
  absl::Duration since_boot;

  friend bool operator==(MonoTime a, MonoTime b) { return a.since_boot == b.since_boot; }
  friend bool operator<(MonoTime a, MonoTime b) { return a.since_boot < b.since_boot; }
  friend absl::Duration operator-(MonoTime a, MonoTime b) { return a.since_boot - b.since_boot; }
  friend MonoTime operator+(MonoTime a, absl::Duration d) { return {a.since_boot + d}; }
};

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
