#ifndef Z4J_BASE_MONO_TIME_H_
#define Z4J_BASE_MONO_TIME_H_

#include "absl/time/time.h"

namespace z4j {

// An instant of the machine's CLOCK_BOOTTIME: it never jumps and goes on while the machine is
// suspended, so that a lease which ran out during a suspension is seen as run out.
struct MonoTime {
  absl::Duration since_boot;

  friend bool operator==(MonoTime a, MonoTime b) { return a.since_boot == b.since_boot; }
  friend bool operator!=(MonoTime a, MonoTime b) { return a.since_boot != b.since_boot; }
  friend bool operator<(MonoTime a, MonoTime b) { return a.since_boot < b.since_boot; }
  friend bool operator<=(MonoTime a, MonoTime b) { return a.since_boot <= b.since_boot; }
  friend bool operator>(MonoTime a, MonoTime b) { return b < a; }
  friend bool operator>=(MonoTime a, MonoTime b) { return b <= a; }
  friend absl::Duration operator-(MonoTime a, MonoTime b) { return a.since_boot - b.since_boot; }
  friend MonoTime operator+(MonoTime a, absl::Duration d) { return {a.since_boot + d}; }
  friend MonoTime operator-(MonoTime a, absl::Duration d) { return {a.since_boot - d}; }
};

}  // namespace z4j

#endif  // Z4J_BASE_MONO_TIME_H_
