#include "services/consensus/serve_commands.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/cli/serving.h"
#include "services/base/http/http_server.h"
#include "services/base/http/probes.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/config.h"
#include "services/consensus/server/consensus_metrics.h"
#include "services/consensus/server/consensus_server.h"

namespace z4j::consensus {
namespace {

constexpr char kProgram[] = "z4j-consensus";

absl::StatusOr<ConsensusOptions> OptionsOf(const ServeConfig& config) {
  ConsensusOptions options;
  ASSIGN_OR_RETURN(options.authentication,
                   LoadPeerAuthentication({.tls_certificate = config.peer_tls_cert,
                                           .tls_key = config.peer_tls_key,
                                           .tls_ca = config.peer_tls_ca,
                                           .secret = config.peer_secret_file}));
  options.id = config.node_id;
  options.data_dir = config.data_dir;
  options.listen = config.listen;
  options.election_timeout = config.election_timeout;
  options.requests_per_second = config.max_requests_per_second;
  options.cluster_name = config.cluster_name;
  options.members = config.initial_cluster;
  options.join = config.join;
  return options;
}

void SayReady(const ServeConfig& config, const ConsensusServer& server, const HttpServer* http) {
  const std::string address = AddressOf(config.listen, server.port());
  const std::string probes = http == nullptr ? "none" : AddressOf(config.http_listen, http->port());
  LogInfo("ready", {{"version", Z4J_VERSION},
                    {"node", config.node_id.value},
                    {"grpc", address},
                    {"http", probes},
                    {"data_dir", config.data_dir}});
  if (isatty(STDERR_FILENO) && config.log_format == LogFormat::kText) {
    std::fprintf(stderr,
                 "%s %s is ready: node %llu, gRPC on %s, HTTP on %s, state in %s.\n"
                 "Next, in another terminal: %s status --server %s\n",
                 kProgram, Z4J_VERSION, static_cast<unsigned long long>(config.node_id.value),
                 address.c_str(), probes.c_str(), config.data_dir.c_str(), kProgram,
                 address.c_str());
  }
}

// Ends the process's wait when the node cannot go on, and keeps why.
class Fatal {
 public:
  void Set(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    status_ = status;
    kill(getpid(), SIGTERM);
  }
  absl::Status status() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return status_;
  }

 private:
  absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

absl::Status Serve(const ServeConfig& config) {
  StopSignals signals;
  Fatal fatal;
  ASSIGN_OR_RETURN(ConsensusOptions options, OptionsOf(config));
  options.on_fatal = [&](const absl::Status& status) { fatal.Set(status); };
  ASSIGN_OR_RETURN(const auto server, ConsensusServer::Start(std::move(options)));
  std::unique_ptr<HttpServer> http;
  if (!config.http_listen.empty()) {
    ASSIGN_OR_RETURN(http,
                     HttpServer::Start(config.http_listen, MakeProbes({&server->metrics()}, [&] {
                                         return server->NotReady();
                                       })));
  }
  SayReady(config, *server, http.get());
  const int signal = signals.Await();
  LogInfo("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  if (fatal.status().ok()) {
    // Alone, it has nobody to hand over to.
    const absl::Status handed_over = server->StepDown(kStepDownMax);
    if (!handed_over.ok()) LogInfo("nobody took over", {{"why", handed_over.message()}});
  }
  if (http != nullptr) http->Stop();
  server->Stop();
  LogInfo("stopped");
  return fatal.status();
}

int RunServe(const SettingFlags& flags) {
  const absl::StatusOr<Settings> given = GatherSettings(ServeSettings(), flags);
  if (!given.ok()) return FailToServe(kProgram, given.status());
  const absl::StatusOr<ServeConfig> config = LoadConfig(*given);
  if (!config.ok()) return FailToServe(kProgram, config.status());
  ConfigureLog(config->log_format, config->log_level);
  const absl::Status status = Serve(*config);
  return status.ok() ? kExitOk : FailToServe(kProgram, status);
}

}  // namespace

void AddServeCommands(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<SettingFlags>();
  CLI::App* serve = app.add_subcommand("serve", "Run a consensus node");
  AddSettingFlags(*serve, ServeSettings(), *flags);
  serve->callback([flags, &exit_code] { exit_code = RunServe(*flags); });

  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->callback([] { std::printf("%s %s\n", kProgram, Z4J_VERSION); });
}

}  // namespace z4j::consensus
