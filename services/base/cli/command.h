#ifndef Z4J_BASE_CLI_COMMAND_H_
#define Z4J_BASE_CLI_COMMAND_H_

#include <CLI/CLI.hpp>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// What our programs share: how a group of verbs joins one, and what it exits with.
namespace z4j {

// What the program exits with; docs/operations.md lists them.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,  // Anything not named below.
  kExitUsage = 2,    // A flag, argument or configuration key is wrong.
  kExitNotFound = 3,
  kExitUnauthenticated = 4,
  kExitConflict = 5,      // ALREADY_EXISTS, ABORTED.
  kExitPrecondition = 6,  // FAILED_PRECONDITION.
  kExitUnavailable = 7,   // UNAVAILABLE, DEADLINE_EXCEEDED: the outcome is not known.
  kExitPartial = 8,       // Some items of a batch failed.
  kExitInterrupted = 130,
};

// The code that goes with a status.
int ExitCodeOf(absl::StatusCode code);

// Prints what is wrong to standard error: one line for the cause, or one per field, each behind
// `begin` ("error: ").
void PrintError(absl::string_view begin, const absl::Status& status);

// Runs `verb`, prints its error, if any; returns the exit code.
int Finish(absl::FunctionRef<absl::Status()> verb);

// Adds the subcommands of one verb group to `app`.  Exactly one callback runs after parsing; it
// stores the exit code in `exit_code`, which outlives `app`.  One function per group, listed in
// main.cc.
using AddCommands = void (*)(CLI::App& app, int& exit_code);

// Parses the command line and runs what it says; returns the exit code.
int RunProgram(CLI::App& app, absl::Span<const AddCommands> groups, int argc, char** argv);

}  // namespace z4j

#endif  // Z4J_BASE_CLI_COMMAND_H_
