#include "services/scheduler/cli/export_own.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/base/cli/output.h"
#include "services/base/cli/yaml.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/export_file.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/transfer_text.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/transfer/proof.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

// What a person or another server may set of it.
v1::Schedule DefinitionOf(const ToExport& given) {
  v1::Schedule message = given.message;
  message.clear_name();
  message.clear_uid();
  message.clear_state_reason();
  message.clear_next_fire_time();
  message.clear_watermark_time();
  message.clear_fires();
  message.clear_etag();
  message.clear_revision();
  message.clear_create_time();
  message.clear_update_time();
  message.clear_source();
  message.mutable_pause()->clear_actor();
  message.mutable_pause()->clear_since_time();
  if (message.state() == v1::Schedule::STATE_QUARANTINED) {
    message.set_state(v1::Schedule::STATE_PAUSED);
    message.mutable_pause()->set_reason("quarantined: " + given.message.state_reason());
  }
  if (message.state() != v1::Schedule::STATE_PAUSED) message.clear_pause();
  if (message.state() == v1::Schedule::STATE_FINISHED) message.clear_state();
  // Its grid begins at its creation, which is another one elsewhere.
  if (const auto* interval = std::get_if<IntervalSpec>(&given.schedule.spec)) {
    SetTime(AnchorOf(*interval, given.schedule),
            message.mutable_spec()->mutable_interval()->mutable_anchor_time());
  }
  return message;
}

std::vector<Note> NotesOn(const v1::Schedule& message) {
  std::vector<Note> notes;
  if (message.max_fires() > 0 && message.fires() > 0) {
    notes.push_back({"FIRES_MADE", absl::StrCat(message.fires(), " of its ", message.max_fires(),
                                                " fires are made: created anew it fires ",
                                                message.max_fires(), " times again")});
  }
  if (message.state() == v1::Schedule::STATE_QUARANTINED) {
    notes.push_back({"QUARANTINED", "it cannot be computed here, and is created paused"});
  }
  return notes;
}

Json SourceLine(const ExportOptions& options, const SourceInfo& source) {
  Json line = {{"type", "source"},
               {"kind", source.kind},
               {"version", source.version},
               {"locator", source.locator},
               {"tzdata", source.tzdata}};
  if (options.prove > 0) {
    line["at"] = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", options.now, absl::UTCTimeZone());
    line["fires"] = options.prove;
  }
  return line;
}

Json ScheduleLine(const ExportOptions& options, const SourceInfo& source, const ToExport& given,
                  const std::vector<Note>& notes) {
  const v1::Schedule& message = given.message;
  Json line = {{"type", "schedule"},
               {"id", given.schedule.name},
               {"schedule", Json::parse(ToJson(DefinitionOf(given)))},
               {"source",
                {{"kind", source.kind},
                 {"version", source.version},
                 {"locator", source.locator},
                 {"key", given.schedule.name},
                 {"raw", message.has_source() ? SourceText(message.source()) : ""}}},
               {"exactness", "EXACT"},
               {"becomes", SpecText(message)},
               {"warnings", JsonOf(notes)}};
  if (message.state() == v1::Schedule::STATE_FINISHED) line["finished"] = true;
  if (options.prove == 0) return line;
  const auto fires = NextFires({given.schedule}, options.now, options.prove);
  if (!fires.ok()) return line;
  line["fires"] = Json::array();
  for (const absl::Time at : *fires) line["fires"].push_back(absl::ToUnixMicros(at));
  return line;
}

std::string TextOf(const Json& lines, bool is_yaml) {
  if (is_yaml) return ToYaml(lines);
  std::string text;
  for (const Json& line : lines) absl::StrAppend(&text, line.dump(), "\n");
  return text;
}

}  // namespace

bool IsOwnForm(const std::string& target) { return target == "json" || target == "yaml"; }

absl::StatusOr<Exported> WriteOwnForm(const ExportOptions& options, const SourceInfo& source,
                                      const std::vector<ToExport>& given, const std::string& path) {
  Exported exported;
  exported.target = {options.to, source.version, {}, source.tzdata};
  Json lines = {SourceLine(options, source)};
  for (int i = 0; i < given.size(); ++i) {
    const std::vector<Note> notes = NotesOn(given[i].message);
    lines.push_back(ScheduleLine(options, source, given[i], notes));
    exported.schedules.push_back(
        {i, {given[i].schedule.name}, SpecText(given[i].message), notes, std::nullopt});
  }
  lines.push_back({{"type", "end"}, {"schedules", given.size()}, {"refused", 0}});
  RETURN_IF_ERROR(WriteText(path, TextOf(lines, options.to == "yaml")));
  return exported;
}

}  // namespace z4j::scheduler
