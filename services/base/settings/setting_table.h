#ifndef Z4J_BASE_SETTINGS_SETTING_TABLE_H_
#define Z4J_BASE_SETTINGS_SETTING_TABLE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/field_error.h"
#include "services/base/settings/settings.h"

// How the values of settings become the fields of a `Config`:
//
//   const std::vector<Setting<Config>> table = {
//       {{"listen", "127.0.0.1:7801", "Address for gRPC"}, Address(&Config::listen, false)}, …};
namespace z4j {

// What is wrong with a value, or nothing.
using Problem = std::optional<std::string>;

// Stores `value`, unless there is a problem.
template <typename Config>
using Apply = std::function<Problem(const std::string& value, Config& config)>;

template <typename Config>
struct Setting {
  SettingInfo info;
  Apply<Config> apply;
};

template <typename Config>
SettingNames NamesOf(std::string environment_prefix, const std::vector<Setting<Config>>& table) {
  SettingNames names = {std::move(environment_prefix), {}};
  for (const Setting<Config>& setting : table) names.all.push_back(setting.info);
  return names;
}

// A violation, named by its flag, for each value that cannot be applied.
template <typename Config>
std::vector<FieldViolation> ApplySettings(const std::vector<Setting<Config>>& table,
                                          const Settings& given, Config& config) {
  std::vector<FieldViolation> violations;
  for (const Setting<Config>& setting : table) {
    const auto it = given.find(setting.info.name);
    if (it == given.end()) continue;
    if (Problem problem = setting.apply(it->second, config)) {
      violations.push_back({FlagOf(setting.info.name), *problem});
    }
  }
  return violations;
}

template <typename Config>
Apply<Config> Text(std::string Config::*field) {
  return [field](const std::string& value, Config& config) -> Problem {
    config.*field = value;
    return std::nullopt;
  };
}

template <typename T, typename Config>
Apply<Config> OneOf(T Config::*field, std::vector<std::pair<std::string, T>> values) {
  return [=](const std::string& value, Config& config) -> Problem {
    for (const auto& [name, meaning] : values) {
      if (name != value) continue;
      config.*field = meaning;
      return std::nullopt;
    }
    return absl::StrCat("'", value, "' is not one of ",
                        absl::StrJoin(values, ", ", [](std::string* out, const auto& pair) {
                          out->append(pair.first);
                        }));
  };
}

// "host:port", "[::1]:port" or "unix:path".
bool IsListenAddress(absl::string_view address);

template <typename Config>
Apply<Config> Address(std::string Config::*field, bool may_be_empty) {
  return [=](const std::string& value, Config& config) -> Problem {
    if (!IsListenAddress(value) && !(may_be_empty && value.empty())) {
      return absl::StrCat("'", value, "' is no address; write one such as 127.0.0.1:7801");
    }
    config.*field = value;
    return std::nullopt;
  };
}

}  // namespace z4j

#endif  // Z4J_BASE_SETTINGS_SETTING_TABLE_H_
