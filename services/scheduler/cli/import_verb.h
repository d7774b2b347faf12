#ifndef Z4J_SCHEDULER_CLI_IMPORT_VERB_H_
#define Z4J_SCHEDULER_CLI_IMPORT_VERB_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/import_cutover.h"
#include "services/scheduler/cli/import_read.h"
#include "services/scheduler/cli/import_write.h"
#include "services/scheduler/transfer/plan.h"

namespace z4j::scheduler {

// What the command line says to `import` and the verbs below it, which share their flags.
struct ImportVerb {
  ClientOptions options;
  ReadOptions read;
  ImportPolicy policy;
  WriteOptions write;
  std::vector<std::string> labels;
  std::string locator;
  std::string watcher, watch_for = "1h", tolerance = "5s";  // Of a shadow run.
  bool apply = false, dry_run = false, source_help = false;
};

// Which of the schedules that are here it is about.
absl::StatusOr<CutoverOptions> ChosenBy(const ImportVerb& verb);

// `import shadow`
void AddImportShadow(CLI::App& parent, std::shared_ptr<ImportVerb> verb, int& exit_code);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_VERB_H_
