#ifndef Z4J_SCHEDULER_CLI_IMPORT_WRITE_H_
#define Z4J_SCHEDULER_CLI_IMPORT_WRITE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/import_read.h"
#include "services/scheduler/transfer/plan.h"

// What an import asks the scheduler: what is stored, whether it would take what was found, and to
// write it.
namespace z4j::scheduler {

// The schedules of the project that matter to an import.
struct StoredSchedules {
  std::vector<Schedule> schedules;
  std::vector<std::string> etags;  // Of each.
  std::string tzdata;              // The node's.
};

// Those that came from the reading's source, or have the name of one of its schedules.
absl::StatusOr<StoredSchedules> FetchStored(const ClientOptions& options, const Reading& reading);

// What became of one line of a plan.
struct Written {
  bool tried = false;  // Something was to be done, and was asked for.
  absl::Status status;
  std::vector<std::string> notes;  // The server's: "its time is past: it fires at once".
};

// Lets the scheduler check what is to be created, and writes nothing.  One result for each plan.
absl::StatusOr<std::vector<Written>> CheckCreates(const ClientOptions& options,
                                                  const Reading& reading,
                                                  const std::vector<PlannedSchedule>& plans);

struct WriteOptions {
  std::string import_id;
  bool overwrite = false;
  bool prune = false;
};

// Does what the plan says: creates and updates in transactions of up to kBatchCreateMax, and
// deletes what is gone if `prune`.  Every request has an id made from the import id and what it
// asks, so that one sent again does nothing twice; while nobody answers they are, for
// kImportRetryFor.  What cannot be written has its reason in the results; only when nobody answers
// any more the whole ends with an error, and the same command continues.  One result for each plan.
absl::StatusOr<std::vector<Written>> WriteImport(const ClientOptions& options,
                                                 const Reading& reading,
                                                 const std::vector<PlannedSchedule>& plans,
                                                 const StoredSchedules& stored,
                                                 const WriteOptions& write);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_WRITE_H_
