#ifndef Z4J_SCHEDULER_CONFIG_H_
#define Z4J_SCHEDULER_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/log.h"
#include "services/base/settings/settings.h"
#include "services/scheduler/limits.h"

// What can be set for a server.
namespace z4j::scheduler {

enum class Election { kSolo, kPostgres, kRaft };
enum class DispatchPolicy { kLeastLoaded, kRoundRobin, kAffinity };

// A node of the consensus that the schedulers themselves form.
struct ConsensusPeer {
  std::string name;     // Of the scheduler: its node_id.
  uint32_t number = 0;  // That ends the name; > 0.
  std::string address;  // "host:port" for the other nodes.
};

// Checked: what LoadConfig returns can be served.
struct ServerConfig {
  std::string data_dir = "./z4j-data";
  std::string database;  // PostgreSQL connection string; empty: SQLite in data_dir.
  std::string listen = "127.0.0.1:7801";
  std::string http_listen = "127.0.0.1:7800";  // Empty: none.
  Election election = Election::kSolo;
  std::string node_id;  // Default: host name and gRPC port.
  std::string tls_cert, tls_key, tls_client_ca;
  bool insecure = false;
  std::string audit_key_file;  // Default: data_dir/audit.key, made if it is not there.
  bool make_audit_key = true;  // Only for the embedded default: nodes must share their key.
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;  // Default: JSON unless standard error is a terminal.
  absl::Duration fire_retention = kFireRetentionDefault;
  DispatchPolicy dispatch_policy = DispatchPolicy::kLeastLoaded;
  // With Election::kRaft one of the two; peers have this node among them.
  std::vector<ConsensusPeer> consensus_peers;
  std::vector<std::string> consensus_endpoints;
  bool consensus_join = false;     // Added to a consensus that runs; it founds none.
  std::string consensus_listen;    // Default: this node's address among the peers.
  std::string consensus_data_dir;  // Default: data_dir/consensus.
  absl::Duration consensus_election_timeout = absl::Milliseconds(150);
  std::string consensus_peer_secret_file;                    // Of the peers; empty: none.
  absl::Duration consensus_session_ttl = kRemoteSessionTtl;  // At the endpoints.

  bool embedded() const { return database.empty(); }
  bool tls() const { return !tls_cert.empty(); }
};

// All settings, as --listen, Z4J_SCHEDULER_LISTEN, listen.
const SettingNames& ServerSettings();

// Puts the layers together, an earlier one winning, and checks them.  INVALID_ARGUMENT with a
// violation for each setting at fault, named by its flag.
absl::StatusOr<ServerConfig> LoadConfig(const Settings& flags, const Settings& environment = {},
                                        const Settings& file = {});

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CONFIG_H_
