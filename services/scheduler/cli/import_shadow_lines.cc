#include "services/scheduler/cli/import_shadow_lines.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

absl::Time TimeOf(const Json& line, const char* name) {
  return absl::FromUnixMicros(line.at(name).get<int64_t>());
}

std::optional<std::string> JsonTextOf(const Json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end() || found->is_null()) return std::nullopt;
  return found->dump();
}

std::optional<WatchLine> Read(const std::string& type, const Json& line) {
  if (type == "watching") {
    return WatchingLine{line.at("watch"), line.value("version", ""), line.value("locator", ""),
                        TimeOf(line, "at")};
  }
  if (type == "seen") {
    return SeenLine{
        {line.at("task"), JsonTextOf(line, "args"), JsonTextOf(line, "kwargs"), TimeOf(line, "at")},
        line.value("id", "")};
  }
  if (type == "lost") return LostLine{{TimeOf(line, "from"), TimeOf(line, "to")}};
  if (type == "warning") return Note{line.value("code", ""), line.at("message")};
  if (type == "end") return WatchEndLine{TimeOf(line, "at")};
  if (type == "error") {
    return ErrorLine{line.value("code", ""), line.value("message", ""), line.value("remedy", "")};
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<WatchLine> ParseWatchLine(const std::string& text) {
  const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::string why = "no JSON object";
  try {  // The library throws on a value of another type.
    if (line.is_object()) {
      const std::string type = line.value("type", "");
      if (auto read = Read(type, line)) return *std::move(read);
      why = absl::StrCat("unknown type '", type, "'");
    }
  } catch (const Json::exception& error) {
    why = error.what();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("this is no line of z4j-adapter watch (", why, "): ", text.substr(0, 200)));
}

}  // namespace z4j::scheduler
