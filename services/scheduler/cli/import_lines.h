#ifndef Z4J_SCHEDULER_CLI_IMPORT_LINES_H_
#define Z4J_SCHEDULER_CLI_IMPORT_LINES_H_

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "services/scheduler/cli/adapter_lines.h"
#include "services/scheduler/transfer/definition.h"
#include "services/scheduler/transfer/zone_rules.h"
#include "z4j/scheduler/v1/schedule.pb.h"

// The lines that `z4j-adapter import` writes; docs/migrating/README.md has them.
namespace z4j::scheduler {

// A schedule as core and as the API have it.  `message` has no name.
struct FoundLine {
  Definition definition;
  v1::Schedule message;
};

struct EndLine {
  int64_t schedules = 0, refused = 0;
  // The rules of the zones that schedules are in, by name; none: it does not tell.
  std::optional<std::map<std::string, ZoneRules>> zones = {};
};

using ImportLine = std::variant<SourceInfo, FoundLine, Refusal, ProgressLine, EndLine, ErrorLine>;

// Reads one line.  A schedule that we cannot take becomes a Refusal (NOT_UNDERSTOOD), so that it
// stops no other.  INVALID_ARGUMENT if the line as a whole is none of ours.
absl::StatusOr<ImportLine> ParseImportLine(const std::string& line, const std::string& project);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_LINES_H_
