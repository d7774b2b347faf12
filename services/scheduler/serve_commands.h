#ifndef Z4J_SCHEDULER_SERVE_COMMANDS_H_
#define Z4J_SCHEDULER_SERVE_COMMANDS_H_

#include "services/base/cli/command.h"

namespace z4j::scheduler {

void AddServeCommands(CLI::App& app, int& exit_code);  // serve, migrate, version

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_SERVE_COMMANDS_H_
