#ifndef Z4J_SCHEDULER_CLI_ADAPTER_LINES_H_
#define Z4J_SCHEDULER_CLI_ADAPTER_LINES_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/transfer/definition.h"

// What the lines of `z4j-adapter import` and those of `z4j-adapter export` share;
// docs/migrating/lines.md has them.
namespace z4j::scheduler {

struct ProgressLine {
  int64_t done = 0;
  std::optional<int64_t> total;
};

// Nothing more can be read or written.
struct ErrorLine {
  std::string code, message, remedy;
};

// These throw nlohmann::json::exception on a value of another type.
std::vector<Note> NotesOf(const nlohmann::json& line, const char* name);
std::vector<absl::Time> TimesOf(const nlohmann::json& micros);
// The RFC 3339 text in the field `name`; `otherwise` if it is not there, or is no such text.
absl::Time TimeOf(const nlohmann::json& line, const char* name, absl::Time otherwise);
ProgressLine ReadProgressLine(const nlohmann::json& line);
ErrorLine ReadErrorLine(const nlohmann::json& line);

// The error as one sentence: INVALID_ARGUMENT.
absl::Status StatusOf(const ErrorLine& line);

// Reads `text`, a JSON object, and hands it with its type to `read`, whose answer says whether it
// knows that type.  INVALID_ARGUMENT if it does not, or if a value has another type than it
// expects; `writer` names who should have written the line: "z4j-adapter import".
absl::Status ReadLine(
    const std::string& text, absl::string_view writer,
    absl::FunctionRef<bool(const std::string& type, const nlohmann::json& line)> read);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_ADAPTER_LINES_H_
