#include <CLI/CLI.hpp>

#include "services/scheduler/cli/commands.h"
#include "services/scheduler/serve_commands.h"

int main(int argc, char** argv) {
  using namespace z4j::scheduler;
  constexpr z4j::AddCommands kGroups[] = {
      AddServeCommands,  AddScheduleCommands, AddFireCommands,   AddAuditCommands,
      AddStatusCommands, AddClusterCommands,  AddEngineCommands, AddImportCommand,
      AddExportCommand,  AddCompletionCommand};
  CLI::App app("z4j-scheduler decides what runs when, for Python task engines", "z4j-scheduler");
  return z4j::RunProgram(app, kGroups, argc, argv);
}
