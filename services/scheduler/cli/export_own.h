#ifndef Z4J_SCHEDULER_CLI_EXPORT_OWN_H_
#define Z4J_SCHEDULER_CLI_EXPORT_OWN_H_

#include <string>
#include <vector>

#include "services/scheduler/cli/export_run.h"
#include "services/scheduler/transfer/definition.h"

namespace z4j::scheduler {

// Whether `target` is a form of our own, which `import --file` reads: "json" or "yaml".
bool IsOwnForm(const std::string& target);

// Writes all of `given` to `path` as lines of `z4j-adapter import`; "yaml" is a list of the same
// objects.  With `options.prove`, each has its next due times, so that the other side can compare.
// `source` names this scheduler.  Two exports of the same schedules are the same bytes, unless they
// hold due times.
//
// What may not be the same there has a note: fires that were made count towards max_fires here
// alone, and a quarantined schedule arrives paused.
absl::StatusOr<Exported> WriteOwnForm(const ExportOptions& options, const SourceInfo& source,
                                      const std::vector<ToExport>& given, const std::string& path);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_EXPORT_OWN_H_
