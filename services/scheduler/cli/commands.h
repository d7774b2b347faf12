#ifndef Z4J_SCHEDULER_CLI_COMMANDS_H_
#define Z4J_SCHEDULER_CLI_COMMANDS_H_

#include "services/base/cli/command.h"

// The verb groups of the client, one file each.
namespace z4j::scheduler {

struct ClientOptions;

void AddScheduleCommands(CLI::App& app, int& exit_code);  // schedule create|get|update|…
void AddFireCommands(CLI::App& app, int& exit_code);      // fire list|get|watch|cancel
void AddAuditCommands(CLI::App& app, int& exit_code);     // audit list|verify|export
void AddStatusCommands(CLI::App& app, int& exit_code);    // status, adapter list
void AddClusterCommands(CLI::App& app, int& exit_code);   // cluster status|transfer|health|…
void AddEngineCommands(CLI::App& app, int& exit_code);    // engine list|tasks|queues|workers|purge
void AddImportCommand(CLI::App& app, int& exit_code);     // import --from …
void AddExportCommand(CLI::App& app, int& exit_code);     // export --to …
void AddCompletionCommand(CLI::App& app, int& exit_code);

// `schedule list` and `schedule watch`; part of the schedule group, whose options they share.
void AddScheduleListCommands(CLI::App& group, ClientOptions& options, int& exit_code);
// `schedule lint`; part of the schedule group.
void AddScheduleLintCommand(CLI::App& group, ClientOptions& options, int& exit_code);
// `cluster members|add|promote|remove`; part of the cluster group.
void AddMemberCommands(CLI::App& group, ClientOptions& options, int& exit_code);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_COMMANDS_H_
