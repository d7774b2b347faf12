#ifndef Z4J_BASE_GRPC_STATUS_H_
#define Z4J_BASE_GRPC_STATUS_H_

#include "absl/status/status.h"

namespace grpc {
class Status;
}
namespace google::rpc {
class Status;
}
namespace google::protobuf {
class Message;
}

// The one place where absl::Status meets gRPC's.
namespace z4j {

// The status with google.rpc.Status in its details: ErrorInfo (domain "z4j.dev", reason the name of
// the code, or INVALID_FIELD) and, for what FieldError made, BadRequest; for RetryAfter's,
// RetryInfo.  Long texts are cut so that the trailers stay below what proxies and clients accept.
grpc::Status ToGrpcStatus(const absl::Status& status);
google::rpc::Status ToRpcStatus(const absl::Status& status);
// With one more detail, of the service's own.
grpc::Status ToGrpcStatus(const absl::Status& status, const google::protobuf::Message& detail);

// The way back, for clients; FieldViolationsOf and RetryAfterOf then find what it carries.
absl::Status FromGrpcStatus(const grpc::Status& status);
absl::Status FromRpcStatus(const google::rpc::Status& status);
// Fills `detail` with the one of its type in the status; false if there is none.
bool FindDetail(const grpc::Status& status, google::protobuf::Message* detail);

}  // namespace z4j

#endif  // Z4J_BASE_GRPC_STATUS_H_
