#include "services/base/field_error.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace z4j {
namespace {

constexpr char kPayloadUrl[] = "z4j.dev/field-violations";
// Separators that no field path and no sentence holds.
constexpr char kBetweenViolations = '\x1e';
constexpr char kBetweenFields = '\x1f';

}  // namespace

absl::Status FieldError(std::vector<FieldViolation> violations) {
  std::string payload;
  for (const FieldViolation& v : violations) {
    if (!payload.empty()) payload += kBetweenViolations;
    absl::StrAppend(&payload, v.field, std::string(1, kBetweenFields), v.description);
  }
  absl::Status status = absl::InvalidArgumentError(
      absl::StrCat(violations.front().field, ": ", violations.front().description));
  status.SetPayload(kPayloadUrl, absl::Cord(payload));
  return status;
}

absl::Status FieldError(absl::string_view field, absl::string_view description) {
  return FieldError({{std::string(field), std::string(description)}});
}

std::vector<FieldViolation> FieldViolationsOf(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return violations;
  const std::string text(*payload);
  for (absl::string_view part : absl::StrSplit(text, kBetweenViolations)) {
    std::pair<std::string, std::string> pair =
        absl::StrSplit(part, absl::MaxSplits(kBetweenFields, 1));
    violations.push_back({std::move(pair.first), std::move(pair.second)});
  }
  return violations;
}

}  // namespace z4j
