#include "services/base/grpc_status.h"

#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/base/field_error.h"
#include "services/base/retry_after.h"

namespace z4j {
namespace {

constexpr char kDomain[] = "z4j.dev";
// gRPC clients accept 8 KiB of trailers unless told otherwise, and details are sent in base64,
// beside the message.
constexpr size_t kMessageBytesMax = 1024;
constexpr size_t kViolationBytesMax = 512;
constexpr size_t kViolationsBytesMax = 3072;

// Cuts `text` to `bytes` without cutting a UTF-8 character, which a proto string must not hold.
std::string Cut(absl::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  size_t end = bytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

void AddBadRequest(const std::vector<FieldViolation>& violations, google::rpc::Status* out) {
  google::rpc::BadRequest bad_request;
  size_t bytes = 0;
  for (const FieldViolation& violation : violations) {
    const std::string field = Cut(violation.field, kViolationBytesMax);
    const std::string description = Cut(violation.description, kViolationBytesMax);
    bytes += field.size() + description.size();
    if (bytes > kViolationsBytesMax) break;
    auto* added = bad_request.add_field_violations();
    added->set_field(field);
    added->set_description(description);
  }
  out->add_details()->PackFrom(bad_request);
}

void AddRetryInfo(absl::Duration after, google::rpc::Status* out) {
  const int64_t nanos = absl::ToInt64Nanoseconds(after);
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  out->add_details()->PackFrom(info);
}

// The codes of absl are gRPC's.
grpc::Status Wrap(const google::rpc::Status& details) {
  return grpc::Status(static_cast<grpc::StatusCode>(details.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  if (status.ok()) return out;
  out.set_message(Cut(status.message(), kMessageBytesMax));
  const std::vector<FieldViolation> violations = FieldViolationsOf(status);
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  info.set_reason(violations.empty() ? absl::StatusCodeToString(status.code()) : "INVALID_FIELD");
  out.add_details()->PackFrom(info);
  if (!violations.empty()) AddBadRequest(violations, &out);
  if (const std::optional<absl::Duration> after = RetryAfterOf(status); after.has_value()) {
    AddRetryInfo(*after, &out);
  }
  return out;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return status.ok() ? grpc::Status::OK : Wrap(ToRpcStatus(status));
}

grpc::Status ToGrpcStatus(const absl::Status& status, const google::protobuf::Message& detail) {
  google::rpc::Status details = ToRpcStatus(status);
  details.add_details()->PackFrom(detail);
  return Wrap(details);
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  if (status.code() == 0) return absl::OkStatus();
  if (status.code() == static_cast<int>(absl::StatusCode::kInvalidArgument)) {
    std::vector<FieldViolation> violations;
    google::rpc::BadRequest bad_request;
    for (const auto& detail : status.details()) {
      if (!detail.UnpackTo(&bad_request)) continue;
      for (const auto& violation : bad_request.field_violations()) {
        violations.push_back({violation.field(), violation.description()});
      }
    }
    if (!violations.empty()) return FieldError(std::move(violations));
  }
  const absl::Status out(static_cast<absl::StatusCode>(status.code()), status.message());
  google::rpc::RetryInfo retry;
  for (const auto& detail : status.details()) {
    if (!detail.UnpackTo(&retry)) continue;
    return RetryAfter(out, absl::Seconds(retry.retry_delay().seconds()) +
                               absl::Nanoseconds(retry.retry_delay().nanos()));
  }
  return out;
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  // A proxy or the library itself sends none.
  if (!details.ParseFromString(status.error_details()) ||
      details.code() != static_cast<int>(status.error_code())) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return FromRpcStatus(details);
}

bool FindDetail(const grpc::Status& status, google::protobuf::Message* detail) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return false;
  for (const auto& any : details.details()) {
    if (any.UnpackTo(detail)) return true;
  }
  return false;
}

}  // namespace z4j
