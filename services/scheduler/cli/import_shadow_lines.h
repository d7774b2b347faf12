#ifndef Z4J_SCHEDULER_CLI_IMPORT_SHADOW_LINES_H_
#define Z4J_SCHEDULER_CLI_IMPORT_SHADOW_LINES_H_

#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "services/scheduler/cli/import_lines.h"
#include "services/scheduler/transfer/shadow_match.h"

// The lines that `z4j-adapter watch` writes; docs/migrating/lines.md has them.
namespace z4j::scheduler {

// From this instant on nothing is missed.
struct WatchingLine {
  std::string watches, version, locator;  // What is watched, and where.
  absl::Time at;
};

struct SeenLine {
  SeenJob job;
  std::string id;  // The engine's.
};

// Nothing is known of what was sent in this span.
struct LostLine {
  TimeSpan span;
};

struct WatchEndLine {
  absl::Time at;
};

using WatchLine = std::variant<WatchingLine, SeenLine, LostLine, Note, WatchEndLine, ErrorLine>;

// Reads one line; INVALID_ARGUMENT if it is none of ours.
absl::StatusOr<WatchLine> ParseWatchLine(const std::string& line);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_SHADOW_LINES_H_
