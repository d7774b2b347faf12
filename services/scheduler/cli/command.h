#ifndef Z4J_SCHEDULER_CLI_COMMAND_H_
#define Z4J_SCHEDULER_CLI_COMMAND_H_

#include <CLI/CLI.hpp>

// How a group of verbs joins the program.
namespace z4j::scheduler {

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

// Adds the subcommands of one verb group to `app`.  Exactly one callback runs after parsing; it
// stores the exit code in `exit_code`, which outlives `app`.  One function per group, listed in
// main.cc.
using AddCommands = void (*)(CLI::App& app, int& exit_code);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_COMMAND_H_
