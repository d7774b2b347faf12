#include "services/scheduler/serve_commands.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "services/base/field_error.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/config.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/server.h"
#include "services/scheduler/version.h"

extern char** environ;

namespace z4j::scheduler {
namespace {

// What the command line says, kept as long as the commands.
struct ServeFlags {
  std::string config_file;
  Settings values;
  std::map<std::string, bool> switches;
};

void AddFlags(CLI::App& command, const std::shared_ptr<ServeFlags>& flags) {
  command.add_option("--config", flags->config_file, "YAML file of `name: value` lines");
  for (const SettingInfo& info : AllSettings()) {
    const std::string help =
        absl::StrCat(info.help, info.default_value.empty() ? "" : " [", info.default_value,
                     info.default_value.empty() ? "" : "]");
    if (info.is_switch) {
      command.add_flag(FlagOf(info.name), flags->switches[info.name], help);
    } else {
      command.add_option_function<std::string>(
          FlagOf(info.name),
          [flags, name = info.name](const std::string& value) { flags->values[name] = value; },
          help);
    }
  }
  command.footer(
      "Each setting is also read from Z4J_SCHEDULER_<NAME> and from the file; a flag wins over the "
      "environment, and that over the file.");
}

absl::StatusOr<ServerConfig> ConfigOf(const ServeFlags& flags) {
  Settings variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(*entry, absl::MaxSplits('=', 1));
    variables.insert(pair);
  }
  ASSIGN_OR_RETURN(const Settings environment, ReadEnvironment(variables));
  Settings file;
  if (!flags.config_file.empty()) {
    ASSIGN_OR_RETURN(file, ReadConfigFile(flags.config_file));
  }
  Settings given = flags.values;
  for (const auto& [name, on] : flags.switches) {
    if (on) given[name] = "true";
  }
  return LoadConfig(given, environment, file);
}

// One line for each thing that is wrong; the exit code that goes with it.
int Fail(const absl::Status& status) {
  std::vector<FieldViolation> violations = FieldViolationsOf(status);
  for (const FieldViolation& violation : violations) {
    std::fprintf(stderr, "z4j-scheduler: %s: %s\n", violation.field.c_str(),
                 violation.description.c_str());
  }
  if (violations.empty()) {
    std::fprintf(stderr, "z4j-scheduler: %s\n", std::string(status.message()).c_str());
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:  // A file that a setting names.
      return kExitUsage;
    case absl::StatusCode::kFailedPrecondition:
      return kExitPrecondition;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    default:
      return kExitFailure;
  }
}

// SIGTERM and SIGINT, waited for on one thread instead of handled on any.  Construct it before any
// other thread starts: they inherit the mask.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  // Returns the signal.  A second one then ends the process at once, as it does by default.
  int Await() {
    int signal = 0;
    sigwait(&set_, &signal);
    pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
    return signal;
  }

 private:
  sigset_t set_;
};

std::string AddressOf(const std::string& listen, int port) {
  if (port == 0) return listen;  // unix:…
  return absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port);
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

int RunServe(const ServeFlags& flags) {
  const absl::StatusOr<ServerConfig> config = ConfigOf(flags);
  if (!config.ok()) return Fail(config.status());
  ConfigureLog(config->log_format, config->log_level);
  StopSignals signals;
  absl::Mutex mu;
  absl::Status fatal;
  auto server = Server::Start(*config, [&](const absl::Status& status) {
    absl::MutexLock lock(&mu);
    fatal = status;
    kill(getpid(), SIGTERM);
  });
  if (!server.ok()) return Fail(server.status());
  SayReady(*config, **server);
  const int signal = signals.Await();
  LogInfo("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  (*server)->Stop();
  LogInfo("stopped");
  absl::MutexLock lock(&mu);
  return fatal.ok() ? kExitOk : Fail(fatal);
}

int RunMigrate(const ServeFlags& flags) {
  const absl::StatusOr<ServerConfig> config = ConfigOf(flags);
  if (!config.ok()) return Fail(config.status());
  SystemClock clock;
  const auto store = OpenStore(*config, clock);
  if (!store.ok()) return Fail(store.status());
  if (absl::Status status = (*store)->Migrate(); !status.ok()) return Fail(status);
  std::printf("the schema is up to date\n");
  return kExitOk;
}

}  // namespace

void AddServeCommands(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<ServeFlags>();
  CLI::App* serve = app.add_subcommand("serve", "Run a scheduler node");
  AddFlags(*serve, flags);
  serve->callback([flags, &exit_code] { exit_code = RunServe(*flags); });

  const auto migrate_flags = std::make_shared<ServeFlags>();
  CLI::App* migrate = app.add_subcommand("migrate", "Bring the store's schema up to date");
  AddFlags(*migrate, migrate_flags);
  migrate->callback([migrate_flags, &exit_code] { exit_code = RunMigrate(*migrate_flags); });

  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->callback(
      [] { std::printf("z4j-scheduler %s (tzdata %s)\n", kVersion, TzdataVersion().c_str()); });
}

}  // namespace z4j::scheduler
