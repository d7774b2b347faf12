#ifndef Z4J_CONSENSUS_CONFIG_H_
#define Z4J_CONSENSUS_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/log.h"
#include "services/base/settings/settings.h"
#include "services/consensus/admission/limits.h"
#include "services/consensus/server/founding.h"

// What can be set for `z4j-consensus serve`.
namespace z4j::consensus {

// Checked: what LoadConfig returns can be served, if its files are right.
struct ServeConfig {
  NodeId node_id{1};
  std::string data_dir;     // Default: ./z4j-consensus-data/<node id>.
  std::string listen;       // Default: the node's own address in the cluster, or kDefaultListen.
  std::string http_listen;  // Empty: none.
  std::string cluster_name = "z4j";
  Members initial_cluster;
  std::vector<std::string> join;
  absl::Duration election_timeout = absl::Milliseconds(150);
  int max_requests_per_second = kRequestsPerSecond;  // 0: no limit.
  std::string peer_tls_cert, peer_tls_key, peer_tls_ca, peer_secret_file;
  bool insecure = false;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;  // Default: JSON unless standard error is a terminal.

  bool tls() const { return !peer_tls_cert.empty(); }
};

inline constexpr char kDefaultListen[] = "127.0.0.1:7811";

// All settings, as --listen, Z4J_CONSENSUS_LISTEN, listen.
const SettingNames& ServeSettings();

// INVALID_ARGUMENT with a violation for each setting at fault, named by its flag.
absl::StatusOr<ServeConfig> LoadConfig(const Settings& given);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_CONFIG_H_
