#include "services/scheduler/cli/export_lines.h"

#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

TargetInfo ReadTargetLine(const Json& line) {
  TargetInfo target{line.at("kind"), line.value("version", "")};
  target.libraries = line.value("libraries", target.libraries);
  target.tzdata = line.value("tzdata", "");
  target.zone = line.value("zone", "");
  target.ends = TimeOf(line, "ends", absl::InfiniteFuture());
  return target;
}

ExportedLine ReadExportedLine(const Json& line) {
  ExportedLine exported{line.at("id"), line.value("keys", std::vector<std::string>()),
                        line.value("becomes", ""), NotesOf(line, "notes"), std::nullopt};
  if (!line.contains("fires")) return exported;
  exported.fires.emplace();
  for (const Json& fires : line.at("fires")) exported.fires->push_back(TimesOf(fires));
  return exported;
}

Refusal ReadRefusedLine(const Json& line) {
  return {line.at("id"), line.value("code", ""), line.value("reason", ""), line.value("remedy", ""),
          ""};
}

}  // namespace

absl::StatusOr<ExportLine> ParseExportLine(const std::string& text) {
  ExportLine result;
  RETURN_IF_ERROR(
      ReadLine(text, "z4j-adapter export", [&](const std::string& type, const Json& line) {
        if (type == "target") {
          result = ReadTargetLine(line);
        } else if (type == "exported") {
          result = ReadExportedLine(line);
        } else if (type == "refused") {
          result = ReadRefusedLine(line);
        } else if (type == "progress") {
          result = ReadProgressLine(line);
        } else if (type == "end") {
          result = ExportEnd{line.value("exported", int64_t{0}), line.value("refused", int64_t{0})};
        } else if (type == "error") {
          result = ReadErrorLine(line);
        } else {
          return false;
        }
        return true;
      }));
  return result;
}

}  // namespace z4j::scheduler
