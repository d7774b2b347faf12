#include "services/base/retry_after.h"

#include <string>

#include "absl/strings/cord.h"

namespace z4j {
namespace {

constexpr char kPayloadUrl[] = "z4j.dev/retry-after";

}  // namespace

absl::Status RetryAfter(absl::Status status, absl::Duration after) {
  status.SetPayload(kPayloadUrl, absl::Cord(absl::FormatDuration(after)));
  return status;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  absl::Duration after;
  if (!payload.has_value() || !absl::ParseDuration(std::string(*payload), &after)) {
    return std::nullopt;
  }
  return after;
}

}  // namespace z4j
