#include "services/scheduler/cli/adapter_lines.h"

#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

absl::Status Foreign(const std::string& line, absl::string_view writer, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("this is no line of ", writer, " (", why,
                                                 "): ", line.substr(0, 200),
                                                 line.size() > 200 ? "…" : ""));
}

}  // namespace

std::vector<Note> NotesOf(const Json& line, const char* name) {
  std::vector<Note> notes;
  const auto list = line.find(name);
  if (list == line.end()) return notes;
  for (const Json& note : *list) {
    notes.push_back({note.value("code", ""), note.value("message", "")});
  }
  return notes;
}

std::vector<absl::Time> TimesOf(const Json& micros) {
  std::vector<absl::Time> times;
  for (const Json& at : micros) times.push_back(absl::FromUnixMicros(at.get<int64_t>()));
  return times;
}

absl::Time TimeOf(const Json& line, const char* name, absl::Time otherwise) {
  absl::Time time;
  std::string error;
  return absl::ParseTime(absl::RFC3339_full, line.value(name, ""), &time, &error) ? time
                                                                                  : otherwise;
}

ProgressLine ReadProgressLine(const Json& line) {
  ProgressLine progress{line.value("done", int64_t{0}), std::nullopt};
  if (line.contains("total")) progress.total = line.at("total").get<int64_t>();
  return progress;
}

ErrorLine ReadErrorLine(const Json& line) {
  return {line.value("code", ""), line.value("message", ""), line.value("remedy", "")};
}

absl::Status StatusOf(const ErrorLine& line) {
  return absl::InvalidArgumentError(
      absl::StrCat(line.message, line.remedy.empty() ? "" : ": ", line.remedy));
}

absl::Status ReadLine(const std::string& text, absl::string_view writer,
                      absl::FunctionRef<bool(const std::string& type, const Json& line)> read) {
  const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return Foreign(text, writer, "no JSON object");
  try {  // The library throws on a value of another type.
    const std::string type = line.value("type", "");
    if (read(type, line)) return absl::OkStatus();
    return Foreign(text, writer, absl::StrCat("unknown type '", type, "'"));
  } catch (const Json::exception& error) {
    return Foreign(text, writer, error.what());
  }
}

}  // namespace z4j::scheduler
