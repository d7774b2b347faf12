#ifndef Z4J_SCHEDULER_CLI_IMPORT_SHADOW_H_
#define Z4J_SCHEDULER_CLI_IMPORT_SHADOW_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/import_cutover.h"
#include "services/scheduler/cli/import_shadow_lines.h"
#include "services/scheduler/transfer/shadow_match.h"

// A shadow run: what the old scheduler really sends, held against what ours would have sent.
namespace z4j::scheduler {

struct ShadowOptions {
  CutoverOptions which;             // Of the imported schedules.
  std::string python, watcher;      // `watcher`: empty: the one that goes with the source.
  std::vector<std::string> passed;  // Further words for the Python half: where to watch.
  absl::Duration watch_for = absl::Hours(1);
  absl::Duration tolerance = absl::Seconds(5);  // Between a due time and its job; > 0.
};

// All there is to tell.
struct ShadowOutcome {
  WatchingLine watching;
  ShadowWindow window;
  std::vector<ShadowSchedule> schedules;
  ShadowComparison comparison;
  std::vector<Note> warnings;
  int64_t seen = 0, recorded = 0;  // Jobs, and due times here.
  int64_t ours = 0;                // Jobs that this scheduler sent itself.
  bool is_interrupted = false;
  absl::Status broken;  // Why the watch ended before its time, if it did.
};

// Watches until the time is over, or Ctrl-C; then compares.  Progress goes to standard error.
// INVALID_ARGUMENT or UNAVAILABLE if the watch cannot begin, FAILED_PRECONDITION if no schedule of
// the source is in shadow.
absl::StatusOr<ShadowOutcome> RunShadow(const ClientOptions& options, const ShadowOptions& shadow);

// Prints it; the exit code: kExitOk if something matched and nothing is missing or extra, else
// kExitFailure.
int PrintShadow(const OutputOptions& options, const ShadowOutcome& outcome);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_SHADOW_H_
