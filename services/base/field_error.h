#ifndef Z4J_BASE_FIELD_ERROR_H_
#define Z4J_BASE_FIELD_ERROR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace z4j {

// One thing that is wrong with a request.
struct FieldViolation {
  std::string field;        // Path as in the proto: "schedule.spec.cron.expression".
  std::string description;  // The value, the bound, and what to write instead.

  friend bool operator==(const FieldViolation&, const FieldViolation&) = default;
};

// INVALID_ARGUMENT that carries `violations`; its message names the first.  `violations` is not
// empty.  base/grpc_status turns them into google.rpc.BadRequest; rooms below know no proto.
absl::Status FieldError(std::vector<FieldViolation> violations);
absl::Status FieldError(absl::string_view field, absl::string_view description);

// The violations that `status` carries; none for any other status.
std::vector<FieldViolation> FieldViolationsOf(const absl::Status& status);

}  // namespace z4j

#endif  // Z4J_BASE_FIELD_ERROR_H_
