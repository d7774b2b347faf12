#include <CLI/CLI.hpp>

#include "services/consensus/cli/commands.h"
#include "services/consensus/serve_commands.h"

int main(int argc, char** argv) {
  using namespace z4j::consensus;
  constexpr z4j::AddCommands kGroups[] = {AddServeCommands, AddStatusCommands, AddMemberCommands,
                                          AddSnapshotCommands, AddLogCommands};
  CLI::App app("z4j-consensus decides who leads, and proves it with tokens (Raft)",
               "z4j-consensus");
  app.footer(
      "One node:\n"
      "  z4j-consensus serve\n"
      "  z4j-consensus status\n"
      "Three nodes on one machine, each in its own terminal:\n"
      "  C=1=127.0.0.1:7811,2=127.0.0.1:7812,3=127.0.0.1:7813\n"
      "  z4j-consensus serve --node-id 1 --initial-cluster $C\n"
      "  z4j-consensus serve --node-id 2 --initial-cluster $C\n"
      "  z4j-consensus serve --node-id 3 --initial-cluster $C");
  return z4j::RunProgram(app, kGroups, argc, argv);
}
