#include "services/consensus/config.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/field_error.h"
#include "services/base/settings/setting_table.h"
#include "services/consensus/limits.h"
#include "services/consensus/transport/authentication.h"

namespace z4j::consensus {
namespace {

Problem NodeNumber(const std::string& value, ServeConfig& config) {
  if (absl::SimpleAtoi(value, &config.node_id.value) && config.node_id) return std::nullopt;
  return absl::StrCat("'", value, "' is no node's number; give each node its own: 1, 2, 3");
}

Problem InitialCluster(const std::string& value, ServeConfig& config) {
  absl::StatusOr<Members> members = ParseMembers(value);
  if (!members.ok()) return std::string(members.status().message());
  config.initial_cluster = *std::move(members);
  return std::nullopt;
}

Problem Join(const std::string& value, ServeConfig& config) {
  config.join = absl::StrSplit(value, ',');
  for (const std::string& address : config.join) {
    if (!IsMemberAddress(address)) {
      return absl::StrCat("'", address,
                          "' is no address; name members of the cluster that runs, such as "
                          "127.0.0.1:7811,127.0.0.1:7812");
    }
  }
  return std::nullopt;
}

Problem ElectionTimeout(const std::string& value, ServeConfig& config) {
  if (!absl::ParseDuration(value, &config.election_timeout)) {
    return absl::StrCat("'", value, "' is no duration; write one such as 150ms");
  }
  if (config.election_timeout >= kElectionTimeoutMin &&
      config.election_timeout <= kElectionTimeoutMax) {
    return std::nullopt;
  }
  return absl::StrCat("'", value, "' is not in ", absl::FormatDuration(kElectionTimeoutMin), "..",
                      absl::FormatDuration(kElectionTimeoutMax));
}

Problem RequestsPerSecond(const std::string& value, ServeConfig& config) {
  if (absl::SimpleAtoi(value, &config.max_requests_per_second) &&
      config.max_requests_per_second >= 0 &&
      config.max_requests_per_second <= kRequestsPerSecondMax) {
    return std::nullopt;
  }
  return absl::StrCat("'", value, "' is not in 0..", kRequestsPerSecondMax, "; 0 is no limit");
}

const std::vector<Setting<ServeConfig>>& Table() {
  using C = ServeConfig;
  static const auto* table = new std::vector<Setting<C>>{
      {{"node_id", "1, if it is alone", "Number of this node, its own in the cluster"}, NodeNumber},
      {{"initial_cluster", "this node alone",
        "All members of a new cluster, the same on each: 1=host:port,2=host:port,3=host:port; "
        "passed over when the data folder is there"},
       InitialCluster},
      {{"join", "", "To be added to a cluster that runs: addresses of its members"}, Join},
      {{"cluster_name", "z4j", "Tells apart clusters that had the same members"},
       Text(&C::cluster_name)},
      {{"data_dir", "./z4j-consensus-data/<node id>", "Folder of the log and the snapshots"},
       Text(&C::data_dir)},
      {{"listen", absl::StrCat("own address in initial_cluster, or ", kDefaultListen),
        "Address for the other nodes and for clients"},
       Address(&C::listen, false)},
      {{"http_listen", "", "Address for /metrics, /livez, /readyz; empty: none"},
       Address(&C::http_listen, true)},
      {{"election_timeout", "150ms",
        "How long a silent leader is believed; the same on all nodes, 50ms..10s"},
       ElectionTimeout},
      {{"peer_tls_cert", "", "This node's certificate, PEM file; it names the node: node-1"},
       Text(&C::peer_tls_cert)},
      {{"peer_tls_key", "", "Its private key, PEM file"}, Text(&C::peer_tls_key)},
      {{"peer_tls_ca", "", "Nodes and clients must show a certificate of this authority, PEM file"},
       Text(&C::peer_tls_ca)},
      {{"peer_secret_file", "",
        "The secret that all nodes share, id:base64, instead of certificates or besides them"},
       Text(&C::peer_secret_file)},
      {{"max_requests_per_second", absl::StrCat(kRequestsPerSecond),
        "Calls that a client may make for keys and locks, and as many for all else; 10 times that "
        "from one address; 0: no limit"},
       RequestsPerSecond},
      {{"insecure", "false", "Believe everybody on an address that others can reach", true},
       OneOf<bool>(&C::insecure, {{"true", true}, {"false", false}})},
      {{"log_level", "info", "debug, info, warning or error"},
       OneOf<LogLevel>(&C::log_level, {{"debug", LogLevel::kDebug},
                                       {"info", LogLevel::kInfo},
                                       {"warning", LogLevel::kWarning},
                                       {"error", LogLevel::kError}})},
      {{"log_format", "text on a terminal, else json", "text or json"},
       OneOf<LogFormat>(&C::log_format, {{"text", LogFormat::kText}, {"json", LogFormat::kJson}})},
  };
  return *table;
}

// What only several settings together can have wrong.
void CheckTogether(const Settings& given, const ServeConfig& config,
                   std::vector<FieldViolation>& violations) {
  const bool alone = config.initial_cluster.empty() && config.join.empty();
  if (!alone && !given.contains("node_id")) {
    violations.push_back({"--node-id", "required where there are several nodes: 1, 2, 3"});
  } else if (!config.initial_cluster.empty() && !config.initial_cluster.contains(config.node_id)) {
    violations.push_back({"--initial-cluster", absl::StrCat("names all members, and this one is ",
                                                            config.node_id.value)});
  }
  if (!config.initial_cluster.empty() && !config.join.empty()) {
    violations.push_back({"--join", "is for a cluster that runs, --initial-cluster for a new one"});
  }
  if (!config.join.empty() && !given.contains("listen")) {
    violations.push_back({"--listen", "required with --join: where the others reach this node"});
  }
}

// Anybody who reaches the port could speak as a node.
void CheckListener(const ServeConfig& config, std::vector<FieldViolation>& violations) {
  if (config.tls() != !config.peer_tls_key.empty() || config.tls() != !config.peer_tls_ca.empty()) {
    violations.push_back({config.tls() ? "--peer-tls-key" : "--peer-tls-cert",
                          "certificate, key and authority belong together; give all three"});
  }
  const bool authenticated = config.tls() || !config.peer_secret_file.empty();
  for (FieldViolation& violation :
       FieldViolationsOf(CheckPeerListener(config.listen, authenticated, config.insecure))) {
    violations.push_back(std::move(violation));
  }
}

}  // namespace

const SettingNames& ServeSettings() {
  static const auto* names = new SettingNames(NamesOf("Z4J_CONSENSUS_", Table()));
  return *names;
}

absl::StatusOr<ServeConfig> LoadConfig(const Settings& given) {
  ServeConfig config;
  config.log_format = isatty(STDERR_FILENO) ? LogFormat::kText : LogFormat::kJson;
  std::vector<FieldViolation> violations = ApplySettings(Table(), given, config);
  CheckTogether(given, config, violations);
  if (config.data_dir.empty()) {
    config.data_dir = absl::StrCat("./z4j-consensus-data/", config.node_id.value);
  }
  if (config.listen.empty()) {
    const auto own = config.initial_cluster.find(config.node_id);
    config.listen = own == config.initial_cluster.end() ? kDefaultListen : own->second;
  }
  CheckListener(config, violations);
  if (!violations.empty()) return FieldError(std::move(violations));
  return config;
}

}  // namespace z4j::consensus
