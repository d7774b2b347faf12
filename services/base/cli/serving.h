#ifndef Z4J_BASE_CLI_SERVING_H_
#define Z4J_BASE_CLI_SERVING_H_

#include <signal.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "services/base/settings/settings.h"

// What the `serve` verbs of our programs share.
namespace z4j {

// What the command line says; outlives the command.
struct SettingFlags {
  std::string config_file;
  Settings values;
  std::map<std::string, bool> switches;
};

// A flag for each setting, and --config.
void AddSettingFlags(CLI::App& command, const SettingNames& names, SettingFlags& flags);

// The values that win: a flag's over this process's environment's over the file's.  Errors as
// ReadEnvironment and ReadConfigFile.
absl::StatusOr<Settings> GatherSettings(const SettingNames& names, const SettingFlags& flags);

// Prints why `program` cannot serve, a line for each thing that is wrong; returns the exit code.
int FailToServe(const std::string& program, const absl::Status& status);

// SIGTERM and SIGINT, waited for on one thread instead of handled on any.  Construct it before any
// other thread starts: they inherit the mask.
class StopSignals {
 public:
  StopSignals();
  // Returns the signal.  A second one then ends the process at once, as it does by default.
  int Await();

 private:
  sigset_t set_;
};

// "127.0.0.1:0" and the port that was picked: "127.0.0.1:41234".  Port 0: `listen` as it is.
std::string AddressOf(const std::string& listen, int port);

}  // namespace z4j

#endif  // Z4J_BASE_CLI_SERVING_H_
