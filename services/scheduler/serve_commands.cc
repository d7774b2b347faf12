#include "services/scheduler/serve_commands.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/cli/serving.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/config.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/server.h"
#include "services/scheduler/version.h"

namespace z4j::scheduler {
namespace {

absl::StatusOr<ServerConfig> ConfigOf(const SettingFlags& flags) {
  ASSIGN_OR_RETURN(const Settings given, GatherSettings(ServerSettings(), flags));
  return LoadConfig(given);
}

void SayReady(const ServerConfig& config, const Server& server) {
  const std::string grpc = AddressOf(config.listen, server.grpc_port());
  const std::string http =
      server.http_port() == 0 ? "none" : AddressOf(config.http_listen, server.http_port());
  const std::string store = config.embedded() ? config.data_dir : "postgres";
  LogInfo("ready", {{"version", kVersion},
                    {"node", config.node_id},
                    {"grpc", grpc},
                    {"http", http},
                    {"store", store}});
  if (isatty(STDERR_FILENO) && config.log_format == LogFormat::kText) {
    std::fprintf(stderr,
                 "z4j-scheduler %s is ready: gRPC on %s%s, HTTP on %s, state in %s.\n"
                 "Next, in another terminal: z4j-scheduler schedule create --help\n",
                 kVersion, grpc.c_str(), config.tls() ? " (TLS)" : "", http.c_str(), store.c_str());
  }
}

int RunServe(const SettingFlags& flags) {
  const absl::StatusOr<ServerConfig> config = ConfigOf(flags);
  if (!config.ok()) return FailToServe("z4j-scheduler", config.status());
  ConfigureLog(config->log_format, config->log_level);
  StopSignals signals;
  absl::Mutex mu;
  absl::Status fatal;
  auto server = Server::Start(*config, [&](const absl::Status& status) {
    absl::MutexLock lock(&mu);
    fatal = status;
    kill(getpid(), SIGTERM);
  });
  if (!server.ok()) return FailToServe("z4j-scheduler", server.status());
  SayReady(*config, **server);
  const int signal = signals.Await();
  LogInfo("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  (*server)->Stop();
  LogInfo("stopped");
  absl::MutexLock lock(&mu);
  return fatal.ok() ? kExitOk : FailToServe("z4j-scheduler", fatal);
}

int RunMigrate(const SettingFlags& flags) {
  const absl::StatusOr<ServerConfig> config = ConfigOf(flags);
  if (!config.ok()) return FailToServe("z4j-scheduler", config.status());
  SystemClock clock;
  const auto store = OpenStore(*config, clock);
  if (!store.ok()) return FailToServe("z4j-scheduler", store.status());
  if (absl::Status status = (*store)->Migrate(); !status.ok())
    return FailToServe("z4j-scheduler", status);
  std::printf("the schema is up to date\n");
  return kExitOk;
}

}  // namespace

void AddServeCommands(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<SettingFlags>();
  CLI::App* serve = app.add_subcommand("serve", "Run a scheduler node");
  AddSettingFlags(*serve, ServerSettings(), *flags);
  serve->callback([flags, &exit_code] { exit_code = RunServe(*flags); });

  const auto migrate_flags = std::make_shared<SettingFlags>();
  CLI::App* migrate = app.add_subcommand("migrate", "Bring the store's schema up to date");
  AddSettingFlags(*migrate, ServerSettings(), *migrate_flags);
  migrate->callback([migrate_flags, &exit_code] { exit_code = RunMigrate(*migrate_flags); });

  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->callback(
      [] { std::printf("z4j-scheduler %s (tzdata %s)\n", kVersion, TzdataVersion().c_str()); });
}

}  // namespace z4j::scheduler
