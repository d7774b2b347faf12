#ifndef Z4J_BASE_VIRTUAL_SLEEP_H_
#define Z4J_BASE_VIRTUAL_SLEEP_H_

#include "absl/time/time.h"

namespace z4j {

// Null but in a simulation, where many threads are fibers of one.  There whoever waits in a
// MonotoneMutex looks again after every millisecond, and lets virtual time pass by this in between.
// Returns at once for a fiber that is to end.
inline void (*virtual_sleep)(absl::Duration duration) = nullptr;

}  // namespace z4j

#endif  // Z4J_BASE_VIRTUAL_SLEEP_H_
