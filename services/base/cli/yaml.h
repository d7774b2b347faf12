#ifndef Z4J_BASE_CLI_YAML_H_
#define Z4J_BASE_CLI_YAML_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"

// YAML as another spelling of JSON.
namespace z4j {

// `value` in block style, texts in quotes, with a line end.
std::string ToYaml(const nlohmann::json& value);

// The value of one document.  What stands in quotes is a text; without them null, true, false and
// numbers are what they are in JSON, and all else is a text.  INVALID_ARGUMENT with the line if it
// is no YAML or has two keys alike.
absl::StatusOr<nlohmann::json> ParseYaml(const std::string& text);

}  // namespace z4j

#endif  // Z4J_BASE_CLI_YAML_H_
