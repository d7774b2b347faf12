#include "services/base/time_ordered_uuid.h"

#include <cstdint>

namespace z4j {

Uuid TimeOrderedUuid(absl::Time now) {
  Uuid id = Uuid::Random();
  const int64_t millis = absl::ToUnixMillis(now);
  // RFC 9562 §5.7: 48 bits of milliseconds, most significant byte first, then the version.  The
  // variant is that of every version.
  for (int i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(millis >> (8 * (5 - i)));
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | 0x70);
  return id;
}

}  // namespace z4j
