#ifndef Z4J_SCHEDULER_CONFIG_H_
#define Z4J_SCHEDULER_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/log.h"
#include "services/scheduler/limits.h"

// What can be set for a server.  A flag wins over the environment, that over the file, that over
// the default.  Every setting has one name in three spellings: --http-listen,
// Z4J_SCHEDULER_HTTP_LISTEN, http_listen.
namespace z4j::scheduler {

enum class Election { kSolo, kPostgres };
enum class DispatchPolicy { kLeastLoaded, kRoundRobin, kAffinity };

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

  bool embedded() const { return database.empty(); }
  bool tls() const { return !tls_cert.empty(); }
};

// Values by name ("http_listen"), not yet checked.
using Settings = std::map<std::string, std::string>;

// For help texts and flags.
struct SettingInfo {
  std::string name;           // "http_listen"
  std::string default_value;  // For people.
  std::string help;
  bool is_switch = false;  // --insecure needs no value.
};
const std::vector<SettingInfo>& AllSettings();
std::string FlagOf(absl::string_view name);         // "--http-listen"
std::string EnvironmentOf(absl::string_view name);  // "Z4J_SCHEDULER_HTTP_LISTEN"

// Reads a YAML file of `name: value` lines.  INVALID_ARGUMENT naming file, line, key and, for an
// unknown key, the nearest known one; NOT_FOUND if there is no such file.
absl::StatusOr<Settings> ReadConfigFile(const std::string& path);

// Takes the settings among `variables` (NAME → value, as the process has them).  A variable that
// looks like a misspelt setting is INVALID_ARGUMENT; others are not ours (Kubernetes adds
// Z4J_SCHEDULER_SERVICE_HOST and the like, the client verbs have their own).
absl::StatusOr<Settings> ReadEnvironment(const Settings& variables);

// Puts the layers together and checks them.  INVALID_ARGUMENT with a violation for each setting at
// fault, named by its flag.
absl::StatusOr<ServerConfig> LoadConfig(const Settings& flags, const Settings& environment,
                                        const Settings& file);

// Whether a "host:port" can only be reached from this machine.
bool IsLoopback(absl::string_view address);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CONFIG_H_
