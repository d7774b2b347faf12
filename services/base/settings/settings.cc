#include "services/base/settings/settings.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/base/edit_distance.h"
#include "services/base/settings/setting_table.h"

namespace z4j {
namespace {

const SettingInfo& Nearest(const SettingNames& names, absl::string_view name) {
  return *std::min_element(names.all.begin(), names.all.end(), [&](const auto& a, const auto& b) {
    return EditDistance(name, a.name) < EditDistance(name, b.name);
  });
}

bool IsKnown(const SettingNames& names, absl::string_view name) {
  return std::any_of(names.all.begin(), names.all.end(),
                     [&](const auto& info) { return info.name == name; });
}

}  // namespace

bool IsListenAddress(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return address.size() > 5;
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 0 && port <= 65535;
}

std::string FlagOf(absl::string_view name) {
  return absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}));
}

std::string EnvironmentOf(const SettingNames& names, absl::string_view name) {
  return absl::StrCat(names.environment_prefix, absl::AsciiStrToUpper(name));
}

absl::StatusOr<Settings> ReadConfigFile(const SettingNames& names, const std::string& path) try {
  const YAML::Node root = YAML::LoadFile(path);
  Settings settings;
  if (root.IsNull()) return settings;  // An empty file.
  if (!root.IsMap()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": must hold lines of `name: value`"));
  }
  for (const auto& entry : root) {
    const std::string name = entry.first.as<std::string>();
    const std::string place = absl::StrCat(path, ":", entry.first.Mark().line + 1, ": ");
    if (!IsKnown(names, name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, "unknown key '", name, "'; did you mean '", Nearest(names, name).name, "'?"));
    }
    if (!entry.second.IsScalar()) {
      return absl::InvalidArgumentError(absl::StrCat(place, name, " must be one value"));
    }
    if (!settings.emplace(name, entry.second.as<std::string>()).second) {
      return absl::InvalidArgumentError(absl::StrCat(place, name, " is given twice"));
    }
  }
  return settings;
} catch (const YAML::BadFile&) {
  return absl::NotFoundError(absl::StrCat("cannot read the configuration file ", path));
} catch (const YAML::Exception& error) {  // The library's way to report bad text.
  return absl::InvalidArgumentError(absl::StrCat(path, ":", error.mark.line + 1, ": ", error.msg));
}

absl::StatusOr<Settings> ReadEnvironment(const SettingNames& names, const Settings& variables) {
  // So near that it can only be meant for a setting.
  constexpr int kTypo = 2;
  Settings settings;
  for (const auto& [variable, value] : variables) {
    absl::string_view rest = variable;
    if (!absl::ConsumePrefix(&rest, names.environment_prefix)) continue;
    const std::string name = absl::AsciiStrToLower(rest);
    if (IsKnown(names, name)) {
      settings[name] = value;
    } else if (EditDistance(name, Nearest(names, name).name) <= kTypo) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown variable ", variable, "; did you mean ",
                       EnvironmentOf(names, Nearest(names, name).name), "?"));
    }
  }
  return settings;
}

}  // namespace z4j
