#ifndef Z4J_SCHEDULER_TRANSFER_EXPORT_LINE_H_
#define Z4J_SCHEDULER_TRANSFER_EXPORT_LINE_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

// What an exporter is told of a schedule: docs/migrating/lines.md, "Lines of an export".
namespace z4j::scheduler {

// What is asked along with it.
struct ExportAsk {
  absl::Time now;
  int64_t fires = 0;                   // Automatic fires of the schedule so far.
  std::vector<absl::Time> after = {};  // The due times after each of these are wanted,
  int count = 0;                       // so many of each.
};

// The fields of its line that our evaluator knows: all but `type`, `id` and `schedule`.
// INVALID_ARGUMENT as CompileRecurrence.  Pure.
absl::StatusOr<nlohmann::json> ExportFields(const Schedule& schedule, const ExportAsk& ask);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_EXPORT_LINE_H_
