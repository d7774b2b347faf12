// Where settings come from: the YAML file and the environment.
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/scheduler/config.h"

namespace z4j::scheduler {
namespace {

// How many letters must be changed, added or dropped to make `a` of `b` (Levenshtein).
int Distance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (int j = 0; j < row.size(); ++j) row[j] = j;
  for (int i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j < row.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

const SettingInfo& Nearest(absl::string_view name) {
  const std::vector<SettingInfo>& all = AllSettings();
  return *std::min_element(all.begin(), all.end(), [&](const auto& a, const auto& b) {
    return Distance(name, a.name) < Distance(name, b.name);
  });
}

bool IsKnown(absl::string_view name) {
  const std::vector<SettingInfo>& all = AllSettings();
  return std::any_of(all.begin(), all.end(), [&](const auto& info) { return info.name == name; });
}

}  // namespace

absl::StatusOr<Settings> ReadConfigFile(const std::string& path) try {
  const YAML::Node root = YAML::LoadFile(path);
  Settings settings;
  if (root.IsNull()) return settings;  // An empty file.
  if (!root.IsMap()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": must hold lines of `name: value`"));
  }
  for (const auto& entry : root) {
    const std::string name = entry.first.as<std::string>();
    const std::string place = absl::StrCat(path, ":", entry.first.Mark().line + 1, ": ");
    if (!IsKnown(name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, "unknown key '", name, "'; did you mean '", Nearest(name).name, "'?"));
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

absl::StatusOr<Settings> ReadEnvironment(const Settings& variables) {
  // So near that it can only be meant for a setting.
  constexpr int kTypo = 2;
  Settings settings;
  for (const auto& [variable, value] : variables) {
    absl::string_view rest = variable;
    if (!absl::ConsumePrefix(&rest, EnvironmentOf(""))) continue;
    const std::string name = absl::AsciiStrToLower(rest);
    if (IsKnown(name)) {
      settings[name] = value;
    } else if (Distance(name, Nearest(name).name) <= kTypo) {
      return absl::InvalidArgumentError(absl::StrCat("unknown variable ", variable,
                                                     "; did you mean ",
                                                     EnvironmentOf(Nearest(name).name), "?"));
    }
  }
  return settings;
}

}  // namespace z4j::scheduler
