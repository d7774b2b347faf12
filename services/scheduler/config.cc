#include "services/scheduler/config.h"

#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/address.h"
#include "services/base/field_error.h"
#include "services/base/settings/setting_table.h"
#include "services/scheduler/config_consensus.h"

namespace z4j::scheduler {
namespace {

Problem Retention(const std::string& value, ServerConfig& config) {
  absl::Duration retention;
  int days = 0;
  if (absl::EndsWith(value, "d") && absl::SimpleAtoi(absl::StripSuffix(value, "d"), &days)) {
    retention = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(value, &retention)) {
    return absl::StrCat("'", value, "' is no duration; write one such as 30d or 12h");
  }
  if (retention < absl::Hours(1)) {
    return absl::StrCat("'", value, "' is less than an hour; catch-up needs the last fires");
  }
  config.fire_retention = retention;
  return std::nullopt;
}

const std::vector<Setting<ServerConfig>>& Table() {
  using C = ServerConfig;
  static const auto* table = new std::vector<Setting<C>>{
      {{"data_dir", "./z4j-data", "Folder of the embedded store and its audit key"},
       Text(&C::data_dir)},
      {{"database", "", "PostgreSQL connection string or URL; none: SQLite in the data folder"},
       Text(&C::database)},
      {{"listen", "127.0.0.1:7801", "Address for gRPC"}, Address(&C::listen, false)},
      {{"http_listen", "127.0.0.1:7800", "Address for /metrics, /livez, /readyz; empty: none"},
       Address(&C::http_listen, true)},
      {{"election", "solo", "How the node that ticks is found: solo, postgres or raft"},
       OneOf<Election>(&C::election, {{"solo", Election::kSolo},
                                      {"postgres", Election::kPostgres},
                                      {"raft", Election::kRaft}})},
      {{"node_id", "host name and port", "Name of this node, unique in the cluster"},
       Text(&C::node_id)},
      {{"tls_cert", "", "Server certificate chain, PEM file"}, Text(&C::tls_cert)},
      {{"tls_key", "", "Its private key, PEM file"}, Text(&C::tls_key)},
      {{"tls_client_ca", "", "Clients must show a certificate of this authority, PEM file"},
       Text(&C::tls_client_ca)},
      {{"insecure", "false", "Allow plaintext gRPC on an address that others can reach", true},
       OneOf<bool>(&C::insecure, {{"true", true}, {"false", false}})},
      {{"audit_key_file", "audit.key in the data folder", "Keys of the audit chain"},
       Text(&C::audit_key_file)},
      {{"log_level", "info", "debug, info, warning or error"},
       OneOf<LogLevel>(&C::log_level, {{"debug", LogLevel::kDebug},
                                       {"info", LogLevel::kInfo},
                                       {"warning", LogLevel::kWarning},
                                       {"error", LogLevel::kError}})},
      {{"log_format", "text on a terminal, else json", "text or json"},
       OneOf<LogFormat>(&C::log_format, {{"text", LogFormat::kText}, {"json", LogFormat::kJson}})},
      {{"fire_retention", "30d", "How long ended fires are kept: 30d, 12h"}, Retention},
      {{"dispatch_policy", "least_loaded",
        "Which adapter of an engine gets a fire: least_loaded, round_robin or affinity"},
       OneOf<DispatchPolicy>(&C::dispatch_policy, {{"least_loaded", DispatchPolicy::kLeastLoaded},
                                                   {"round_robin", DispatchPolicy::kRoundRobin},
                                                   {"affinity", DispatchPolicy::kAffinity}})},
      {{"consensus_peers", "",
        "All nodes of the consensus, this one included: n1=host:port,n2=host:port,n3=host:port; "
        "once "
        "its folder is there, only their names are taken from here"},
       SetConsensusPeers},
      {{"consensus_join", "false",
        "This node is added to a consensus that runs (cluster add), and founds none", true},
       OneOf<bool>(&C::consensus_join, {{"true", true}, {"false", false}})},
      {{"consensus_endpoints", "", "Nodes of a consensus cluster elsewhere: host:port,host:port"},
       SetConsensusEndpoints},
      {{"consensus_listen", "its address among the peers", "Address for the other nodes"},
       Address(&C::consensus_listen, false)},
      {{"consensus_data_dir", "consensus in the data folder",
        "Folder of this node's consensus log"},
       Text(&C::consensus_data_dir)},
      {{"consensus_election_timeout", "150ms",
        "Without a leader for so long, the nodes elect another; the same on all"},
       SetConsensusElectionTimeout},
      {{"consensus_peer_secret_file", "",
        "The secret that all peers share, id:base64, instead of certificates or besides them"},
       Text(&C::consensus_peer_secret_file)},
      {{"consensus_session_ttl", "300ms",
        "With consensus_endpoints: a node that is silent for so long ticks no more, and another "
        "does"},
       SetConsensusSessionTtl},
  };
  return *table;
}

std::string DefaultNodeId(absl::string_view listen) {
  char host[256] = "node";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, listen.substr(listen.rfind(':')));
}

// What only several settings together can have wrong.
void CheckTogether(const Settings& given, const ServerConfig& config,
                   std::vector<FieldViolation>& violations) {
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    violations.push_back({config.tls_cert.empty() ? "--tls-cert" : "--tls-key",
                          "certificate and key belong together; give both"});
  }
  if (!config.tls_client_ca.empty() && !config.tls()) {
    violations.push_back({"--tls-client-ca", "needs --tls-cert and --tls-key"});
  }
  if (!config.tls() && !config.insecure && !IsLoopback(config.listen)) {
    violations.push_back(
        {"--listen", absl::StrCat("others could read plaintext on ", config.listen,
                                  "; give --tls-cert and --tls-key, or --insecure if the "
                                  "network is trusted")});
  }
  if (config.election == Election::kPostgres && config.embedded()) {
    violations.push_back({"--election", "postgres needs --database"});
  }
  if (!config.embedded() && !given.contains("audit_key_file")) {
    violations.push_back(
        {"--audit-key-file", "required with --database: all nodes must share the same keys"});
  }
  CheckConsensus(given, config, violations);
}

}  // namespace

const SettingNames& ServerSettings() {
  static const auto* names = new SettingNames(NamesOf("Z4J_SCHEDULER_", Table()));
  return *names;
}

absl::StatusOr<ServerConfig> LoadConfig(const Settings& flags, const Settings& environment,
                                        const Settings& file) {
  Settings given = flags;
  given.insert(environment.begin(), environment.end());
  given.insert(file.begin(), file.end());

  ServerConfig config;
  config.log_format = isatty(STDERR_FILENO) ? LogFormat::kText : LogFormat::kJson;
  std::vector<FieldViolation> violations = ApplySettings(Table(), given, config);
  CheckTogether(given, config, violations);
  if (!violations.empty()) return FieldError(std::move(violations));
  if (config.node_id.empty()) config.node_id = DefaultNodeId(config.listen);
  CompleteConsensus(config);
  config.make_audit_key = config.embedded() && config.audit_key_file.empty();
  if (config.audit_key_file.empty()) config.audit_key_file = config.data_dir + "/audit.key";
  return config;
}

}  // namespace z4j::scheduler
