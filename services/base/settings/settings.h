#ifndef Z4J_BASE_SETTINGS_SETTINGS_H_
#define Z4J_BASE_SETTINGS_SETTINGS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What can be set for a program.  A flag wins over the environment, that over the file, that over
// the default.  Every setting has one name in three spellings: --http-listen,
// Z4J_SCHEDULER_HTTP_LISTEN, http_listen.
namespace z4j {

// Values by name ("http_listen"), not yet checked.
using Settings = std::map<std::string, std::string>;

// For help texts and flags.
struct SettingInfo {
  std::string name;           // "http_listen"
  std::string default_value;  // For people.
  std::string help;
  bool is_switch = false;  // --insecure needs no value.
};

// All that one program has.
struct SettingNames {
  std::string environment_prefix;  // "Z4J_SCHEDULER_"
  std::vector<SettingInfo> all;
};

std::string FlagOf(absl::string_view name);  // "--http-listen"
std::string EnvironmentOf(const SettingNames& names, absl::string_view name);

// Reads a YAML file of `name: value` lines.  INVALID_ARGUMENT naming file, line, key and, for an
// unknown key, the nearest known one; NOT_FOUND if there is no such file.
absl::StatusOr<Settings> ReadConfigFile(const SettingNames& names, const std::string& path);

// Takes the settings among `variables` (NAME → value, as the process has them).  A variable that
// looks like a misspelt setting is INVALID_ARGUMENT; others are not ours (Kubernetes adds
// Z4J_SCHEDULER_SERVICE_HOST and the like, the client verbs have their own).
absl::StatusOr<Settings> ReadEnvironment(const SettingNames& names, const Settings& variables);

}  // namespace z4j

#endif  // Z4J_BASE_SETTINGS_SETTINGS_H_
