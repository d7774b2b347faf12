#ifndef Z4J_SCHEDULER_CLI_IMPORT_LINES_H_
#define Z4J_SCHEDULER_CLI_IMPORT_LINES_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "services/scheduler/transfer/definition.h"
#include "z4j/scheduler/v1/schedule.pb.h"

// The lines that `z4j-adapter import` writes; docs/migrating/README.md has them.
namespace z4j::scheduler {

// A schedule as core and as the API have it.  `message` has no name, and no digest in its source.
struct FoundLine {
  Definition definition;
  v1::Schedule message;
};

struct ProgressLine {
  int64_t done = 0;
  std::optional<int64_t> total;
};

struct EndLine {
  int64_t schedules = 0, refused = 0;
};

// The source as a whole could not be read.
struct ErrorLine {
  std::string code, message, remedy;
};

using ImportLine = std::variant<SourceInfo, FoundLine, Refusal, ProgressLine, EndLine, ErrorLine>;

// Reads one line.  A schedule that we cannot take becomes a Refusal (NOT_UNDERSTOOD), so that it
// stops no other.  INVALID_ARGUMENT if the line as a whole is none of ours.
absl::StatusOr<ImportLine> ParseImportLine(const std::string& line, const std::string& project);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_LINES_H_
