#ifndef Z4J_SCHEDULER_CLI_EXPORT_REPORT_H_
#define Z4J_SCHEDULER_CLI_EXPORT_REPORT_H_

#include <string>
#include <vector>

#include "services/base/cli/output.h"
#include "services/scheduler/cli/export_run.h"

// An export as people and programs are told of it.
namespace z4j::scheduler {

struct ExportOutcome {
  std::vector<ToExport> given;
  Exported exported;
  std::string file;        // Empty: standard output.  Written only if something is exported.
  std::string tzdata;      // Of this program.
  bool is_proved = false;  // A proof was asked for.
};

struct ExportTotals {
  int exported = 0, refused = 0;
  int identical = 0, unproved = 0;  // Of those exported.
  int64_t fires_compared = 0;
};
ExportTotals TotalsOf(const ExportOutcome& outcome);

// Whether there is anything to write; an empty file is not to replace another one.
bool IsWritten(const ExportOutcome& outcome);

// kExitOk if all is exported, and what could be compared is identical; kExitFailure if something is
// refused.
int ExitCodeOf(const ExportTotals& totals);

// Prints a table with what is to be known below, or one document; to standard error if the export
// itself went to standard output.
void PrintExport(const OutputOptions& options, const ExportOutcome& outcome);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_EXPORT_REPORT_H_
