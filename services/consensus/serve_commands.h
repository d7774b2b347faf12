#ifndef Z4J_CONSENSUS_SERVE_COMMANDS_H_
#define Z4J_CONSENSUS_SERVE_COMMANDS_H_

#include "services/base/cli/command.h"

namespace z4j::consensus {

void AddServeCommands(CLI::App& app, int& exit_code);  // serve, version

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVE_COMMANDS_H_
