#ifndef Z4J_SCHEDULER_CLI_JSON_MESSAGE_H_
#define Z4J_SCHEDULER_CLI_JSON_MESSAGE_H_

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace z4j::scheduler {

// Reads `json` into `message`, which is empty, by proto3's mapping to JSON: what protobuf's own
// reader takes, means and refuses, several times as fast where it is spelled as usual.
// INVALID_ARGUMENT in protobuf's words.
absl::Status ReadMessage(const nlohmann::json& json, google::protobuf::Message& message);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_JSON_MESSAGE_H_
