#include "services/scheduler/cli/import_lines.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/json_message.h"
#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/transfer/digest.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

SourceInfo ReadSourceLine(const Json& line) {
  SourceInfo source;
  source.kind = line.at("kind");
  source.version = line.value("version", "");
  source.locator = line.value("locator", "");
  source.libraries = line.value("libraries", source.libraries);
  source.tzdata = line.value("tzdata", "");
  source.fires_after = TimeOf(line, "at", absl::InfinitePast());
  source.ends = TimeOf(line, "ends", absl::InfiniteFuture());
  if (line.contains("fires")) source.fires_wanted = line.at("fires").get<int>();
  return source;
}

void ReadSourceOf(const Json& line, v1::ImportSource& out) {
  out.set_kind(line.value("kind", ""));
  out.set_version(line.value("version", ""));
  out.set_locator(line.value("locator", ""));
  out.set_key(line.value("key", ""));
  out.set_raw(line.value("raw", ""));
}

ImportSource CoreOf(const v1::ImportSource& source) {
  return {source.kind(), source.version(), source.locator(),  source.key(),
          source.raw(),  source.digest(),  source.import_id()};
}

Exactness ReadExactness(const std::string& text) {
  if (text == "EXACT") return Exactness::kExact;
  // What we do not know is not promised.
  return text == "EQUAL_SET" ? Exactness::kEqualSet : Exactness::kApproximate;
}

// The object `name` of `line`; an empty one if there is none.
const Json& ObjectIn(const Json& line, const char* name) {
  static const Json* const kNone = new Json(Json::object());
  const auto found = line.find(name);
  return found == line.end() ? *kNone : *found;
}

Refusal NotUnderstood(const Json& line, std::string reason) {
  const Json& source = ObjectIn(line, "source");
  return {line.value("id", "?"), "NOT_UNDERSTOOD", std::move(reason),
          "use z4j-adapters and z4j-scheduler of the same version", source.value("key", "")};
}

ImportLine ReadScheduleLine(const Json& line, const std::string& project) {
  FoundLine found;
  const absl::Status read = ReadMessage(line.at("schedule"), found.message);
  if (!read.ok()) return NotUnderstood(line, std::string(read.message()));
  ReadSourceOf(ObjectIn(line, "source"), *found.message.mutable_source());
  Faults faults;
  Definition& definition = found.definition;
  definition.schedule = ToSchedule(found.message, "schedule", faults);
  if (!faults.empty()) {
    return NotUnderstood(line, absl::StrCat(faults[0].field, ": ", faults[0].description));
  }
  definition.schedule.project = project;
  definition.schedule.name = line.at("id");
  found.message.mutable_source()->set_digest(DefinitionDigest(definition.schedule));
  definition.schedule.source = CoreOf(found.message.source());
  definition.exactness = ReadExactness(line.value("exactness", ""));
  definition.reasons = NotesOf(line, "reasons");
  definition.warnings = NotesOf(line, "warnings");
  definition.becomes = line.value("becomes", "");
  definition.group = line.value("group", "");
  definition.finished = line.value("finished", false);
  if (line.contains("fires")) definition.fires = TimesOf(line.at("fires"));
  return found;
}

ImportLine ReadRefusedLine(const Json& line) {
  const Json& source = ObjectIn(line, "source");
  return Refusal{line.value("object", "?"), line.value("code", ""), line.value("reason", ""),
                 line.value("remedy", ""), source.value("key", "")};
}

EndLine ReadEndLine(const Json& line) {
  EndLine end{line.value("schedules", int64_t{0}), line.value("refused", int64_t{0})};
  if (!line.contains("zones")) return end;
  end.zones.emplace();
  for (const auto& [name, told] : line.at("zones").items()) {
    ZoneRules& rules = (*end.zones)[name];
    rules.until = absl::FromUnixMicros(told.at("untilUs").get<int64_t>());
    for (const Json& change : told.at("offsets")) {
      rules.offsets.push_back({absl::FromUnixMicros(change.at(0).get<int64_t>()),
                               absl::Seconds(change.at(1).get<int64_t>())});
    }
  }
  return end;
}

}  // namespace

absl::StatusOr<ImportLine> ParseImportLine(const std::string& text, const std::string& project) {
  ImportLine result;
  RETURN_IF_ERROR(
      ReadLine(text, "z4j-adapter import", [&](const std::string& type, const Json& line) {
        if (type == "source") {
          result = ReadSourceLine(line);
        } else if (type == "schedule") {
          result = ReadScheduleLine(line, project);
        } else if (type == "refused") {
          result = ReadRefusedLine(line);
        } else if (type == "progress") {
          result = ReadProgressLine(line);
        } else if (type == "end") {
          result = ReadEndLine(line);
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
