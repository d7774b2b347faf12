#include <CLI/CLI.hpp>

#include "services/scheduler/cli/commands.h"
#include "services/scheduler/serve_commands.h"

int main(int argc, char** argv) {
  using namespace z4j::scheduler;
  constexpr AddCommands kGroups[] = {AddServeCommands, AddScheduleCommands, AddFireCommands,
                                     AddAuditCommands, AddStatusCommands,   AddCompletionCommand};
  CLI::App app("z4j-scheduler decides what runs when, for Python task engines", "z4j-scheduler");
  app.require_subcommand(1);
  int exit_code = kExitOk;
  for (AddCommands add : kGroups) add(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11's way to report usage, also --help.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return exit_code;
}
