#ifndef Z4J_SCHEDULER_CLI_EXPORT_RUN_H_
#define Z4J_SCHEDULER_CLI_EXPORT_RUN_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/cli/export_lines.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/transfer/limits.h"
#include "services/scheduler/transfer/proof.h"
#include "z4j/scheduler/v1/schedule.pb.h"

namespace z4j::scheduler {

struct ExportOptions {
  std::string to, python;
  std::vector<std::string> passed;  // Further words for the Python half.
  int prove = kProveUsually;        // Due times to compare of each; 0: none.
  absl::Time now;
};

// A schedule as the API and as core have it.
struct ToExport {
  v1::Schedule message;
  Schedule schedule;
};

// One that was written.
struct ExportedSchedule {
  int index = 0;  // Among those given.
  std::vector<std::string> keys;
  std::string becomes;
  std::vector<Note> notes;
  std::optional<Proof> proof;  // Identical; none: the target's library does not say when it fires.
};

struct Exported {
  TargetInfo target;
  std::vector<ExportedSchedule> schedules;  // In the order given.
  std::vector<Refusal> refusals;
};

// Lets the Python half write to `path` what the target holds of `given`, and proves it: the due
// times that the target's own library tells after it loaded the file are held against those of our
// evaluator, from now on and across the next changes of the clock.  What differs is refused
// (R9_DIFFERS) and the file written anew without it, so that it never holds what differs.
// Each schedule is either among those exported or among the refused.  INVALID_ARGUMENT in one
// sentence with what to do if the target cannot be written; UNAVAILABLE if the Python half died.
absl::StatusOr<Exported> RunExport(const ExportOptions& options, const std::vector<ToExport>& given,
                                   const std::string& path);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_EXPORT_RUN_H_
