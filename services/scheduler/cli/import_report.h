#ifndef Z4J_SCHEDULER_CLI_IMPORT_REPORT_H_
#define Z4J_SCHEDULER_CLI_IMPORT_REPORT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/import_read.h"
#include "services/scheduler/cli/import_write.h"
#include "services/scheduler/transfer/plan.h"

// An import as people and programs are told of it.
namespace z4j::scheduler {

// All there is to tell.
struct ImportOutcome {
  Reading reading;
  StoredSchedules stored;
  std::vector<PlannedSchedule> plans;
  std::vector<Written> written;  // Of each plan, if `is_applied`.
  bool is_applied = false, is_pruned = false, is_proved = false;
  std::string import_id;       // If `is_applied`,
  absl::Duration write_took;   // as is this.
  std::string tzdata;          // Of this program.
  std::vector<Note> together;  // About what is planned as a whole.
};

struct ImportTotals {
  std::map<ImportAction, int> planned;  // Refused ones: without those that the reader refused.
  int refused = 0;                      // All of them.
  int exact = 0, equal_set = 0, approximate = 0;
  int proved = 0, differing = 0, unproved = 0;  // Schedules, a group as one.
  int64_t fires_compared = 0;
  int written = 0, failed = 0;
};
ImportTotals TotalsOf(const ImportOutcome& outcome);

// kExitOk if all that the source has is here exactly, or would be; kExitFailure if something is
// refused, inexact, kept in a conflict or differs in the proof; kExitPartial if something could not
// be written.
int ExitCodeOf(const ImportTotals& totals);

// Prints the plan or what was done: a table with what is to be looked at below, or one document.
void PrintImport(const OutputOptions& options, const ImportOutcome& outcome);

// The document, for PrintImport.
nlohmann::json ImportJson(const ImportOutcome& outcome);

// The due times of one side that are shown.
std::vector<absl::Time> FiresHere(const ImportOutcome& outcome, const ReadSchedule& schedule);

// What goes with a line of the plan, besides what it is: notes of both sides, the server's last.
std::vector<Note> NotesOf(const ImportOutcome& outcome, int plan);

// Every refusal, the reader's and ours.
std::vector<Refusal> RefusalsOf(const ImportOutcome& outcome);

// About the time zone data of both sides: zones that we have other rules for; if the source does
// not tell its rules, that its data are of another release; and that the scheduler's are.
std::vector<Note> TzdataNotes(const ImportOutcome& outcome);

// All that is to be known of the import as a whole.
std::vector<Note> WarningsOf(const ImportOutcome& outcome);

const char* Name(Exactness exactness);  // "exact", …
std::string KindOf(const Schedule& schedule);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_REPORT_H_
