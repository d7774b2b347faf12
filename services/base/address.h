#ifndef Z4J_BASE_ADDRESS_H_
#define Z4J_BASE_ADDRESS_H_

#include "absl/strings/string_view.h"

namespace z4j {

// Whether only this machine reaches `address` ("host:port", "unix:/path").  A name other than
// localhost is none, wherever it points.
bool IsLoopback(absl::string_view address);

}  // namespace z4j

#endif  // Z4J_BASE_ADDRESS_H_
