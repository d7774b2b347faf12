#ifndef Z4J_SCHEDULER_CLI_EXPORT_LINES_H_
#define Z4J_SCHEDULER_CLI_EXPORT_LINES_H_

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/cli/adapter_lines.h"
#include "services/scheduler/transfer/definition.h"

// The lines that `z4j-adapter export` writes; docs/migrating/lines.md has them.
namespace z4j::scheduler {

// What is written for, and with what.
struct TargetInfo {
  std::string kind, version;
  std::map<std::string, std::string> libraries = {};
  std::string tzdata = {};
  std::string zone = {};  // That was taken for all crons, without being given; empty: none was.
  absl::Time ends = absl::InfiniteFuture();  // As in SourceInfo, of the target's library.
};

// A schedule that was written.
struct ExportedLine {
  std::string id;
  std::vector<std::string> keys;  // Of the definitions there.
  std::string becomes;            // In short: "crontab(0, 5)".
  std::vector<Note> notes;
  // For each instant that was asked about, the due times after it, as the target's own library
  // computes them; none: it cannot say.
  std::optional<std::vector<std::vector<absl::Time>>> fires;
};

struct ExportEnd {
  int64_t exported = 0, refused = 0;
};

// Of a Refusal, `object` is the schedule's id.
using ExportLine =
    std::variant<TargetInfo, ExportedLine, Refusal, ProgressLine, ExportEnd, ErrorLine>;

// Reads one line.  INVALID_ARGUMENT if it is none of ours.
absl::StatusOr<ExportLine> ParseExportLine(const std::string& line);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_EXPORT_LINES_H_
