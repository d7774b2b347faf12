#ifndef Z4J_SCHEDULER_CLI_IMPORT_CUTOVER_H_
#define Z4J_SCHEDULER_CLI_IMPORT_CUTOVER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/scheduler/cli/client.h"
#include "z4j/scheduler/v1/schedule.pb.h"

// From one scheduler to the other, and back: imported schedules begin to fire here, or stop again.
namespace z4j::scheduler {

// Which of the imported schedules.
struct CutoverOptions {
  std::string kind, locator;                  // Of their source; empty: any.
  std::string only;                           // Ids that match this shell pattern; empty: all.
  std::map<std::string, std::string> labels;  // That they must have.
  bool dry_run = false;
};

// The schedules of the project that came from a source, as far as `which` chooses them.
absl::StatusOr<std::vector<v1::Schedule>> ListImported(const ClientOptions& options,
                                                       const CutoverOptions& which);

// Lets schedules fire that an import created in shadow or paused; those that were disabled in the
// source stay so.  What each was before stands in its label kCutoverLabel, for the way back.
// Prints each with what became of it.  Done again, it does the rest.  True: all went well.
absl::StatusOr<bool> Cutover(const ClientOptions& options, const CutoverOptions& which);

// Puts those that Cutover let fire back into shadow, or pauses them again.
absl::StatusOr<bool> Rollback(const ClientOptions& options, const CutoverOptions& which);

// "shadow" or "paused": what a schedule was before the cutover.
inline constexpr char kCutoverLabel[] = "import/cutover-from";

// Why an import with --paused pauses, and how a cutover knows that it was an import.
std::string PausedByImport(const std::string& kind, const std::string& locator);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_CUTOVER_H_
