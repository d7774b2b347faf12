#ifndef Z4J_BASE_TIME_ORDERED_UUID_H_
#define Z4J_BASE_TIME_ORDERED_UUID_H_

#include "absl/time/time.h"
#include "services/base/uuid.h"

namespace z4j {

// A random one that begins with the millisecond `now` (version 7): those made later sort after
// those made before, so that rows made together stand together in an index.
Uuid TimeOrderedUuid(absl::Time now);

}  // namespace z4j

#endif  // Z4J_BASE_TIME_ORDERED_UUID_H_
