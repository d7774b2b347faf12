#include "services/base/cli/serving.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/cli/command.h"
#include "services/base/status_macros.h"

extern char** environ;

namespace z4j {

void AddSettingFlags(CLI::App& command, const SettingNames& names, SettingFlags& flags) {
  command.add_option("--config", flags.config_file, "YAML file of `name: value` lines");
  for (const SettingInfo& info : names.all) {
    const std::string help =
        absl::StrCat(info.help, info.default_value.empty() ? "" : " [", info.default_value,
                     info.default_value.empty() ? "" : "]");
    if (info.is_switch) {
      command.add_flag(FlagOf(info.name), flags.switches[info.name], help);
    } else {
      command.add_option_function<std::string>(
          FlagOf(info.name),
          [&flags, name = info.name](const std::string& value) { flags.values[name] = value; },
          help);
    }
  }
  command.footer(absl::StrCat("Each setting is also read from ", names.environment_prefix,
                              "<NAME> and from the file; a flag wins over the environment, and "
                              "that over the file."));
}

absl::StatusOr<Settings> GatherSettings(const SettingNames& names, const SettingFlags& flags) {
  Settings variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(*entry, absl::MaxSplits('=', 1));
    variables.insert(pair);
  }
  ASSIGN_OR_RETURN(const Settings environment, ReadEnvironment(names, variables));
  Settings file;
  if (!flags.config_file.empty()) {
    ASSIGN_OR_RETURN(file, ReadConfigFile(names, flags.config_file));
  }
  Settings given = flags.values;
  for (const auto& [name, on] : flags.switches) {
    if (on) given[name] = "true";
  }
  given.insert(environment.begin(), environment.end());
  given.insert(file.begin(), file.end());
  return given;
}

int FailToServe(const std::string& program, const absl::Status& status) {
  PrintError(absl::StrCat(program, ": "), status);
  // What is not found is a file that a setting names.
  return absl::IsNotFound(status) ? kExitUsage : ExitCodeOf(status.code());
}

StopSignals::StopSignals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int StopSignals::Await() {
  int signal = 0;
  sigwait(&set_, &signal);
  pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
  return signal;
}

std::string AddressOf(const std::string& listen, int port) {
  if (port == 0) return listen;  // unix:…
  return absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port);
}

}  // namespace z4j
