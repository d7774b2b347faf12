#ifndef Z4J_CONSENSUS_CLI_COMMANDS_H_
#define Z4J_CONSENSUS_CLI_COMMANDS_H_

#include "services/base/cli/command.h"

// The verb groups of z4j-consensus, one file each.
namespace z4j::consensus {

void AddStatusCommands(CLI::App& app, int& exit_code);    // status, members, health
void AddMemberCommands(CLI::App& app, int& exit_code);    // add, promote, remove, transfer
void AddSnapshotCommands(CLI::App& app, int& exit_code);  // snapshot save|restore
void AddLogCommands(CLI::App& app, int& exit_code);       // log dump|verify

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_CLI_COMMANDS_H_
