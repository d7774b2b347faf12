#ifndef Z4J_BASE_RETRY_AFTER_H_
#define Z4J_BASE_RETRY_AFTER_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace z4j {

// `status`, which is not OK, with the advice not to try again before `after` has passed.
// base/grpc_status turns it into google.rpc.RetryInfo and back.
absl::Status RetryAfter(absl::Status status, absl::Duration after);

// The advice, if `status` carries one.
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

}  // namespace z4j

#endif  // Z4J_BASE_RETRY_AFTER_H_
