// An import as a document: docs/migrating/README.md has its fields.
#include <nlohmann/json.hpp>

#include "services/scheduler/cli/import_report.h"
#include "services/scheduler/cli/transfer_text.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

std::string Text(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

Json JsonOf(const std::vector<absl::Time>& times) {
  Json list = Json::array();
  for (const absl::Time time : times) list.push_back(Text(time));
  return list;
}

Json PlanJson(const ImportOutcome& outcome, int index) {
  const PlannedSchedule& plan = outcome.plans[index];
  Json json = {{"plan", Name(plan.action)}, {"notes", JsonOf(NotesOf(outcome, index))}};
  if (!plan.why.empty()) json["why"] = plan.why;
  if (outcome.is_applied && outcome.written[index].tried) {
    const absl::Status& status = outcome.written[index].status;
    json["written"] = status.ok();
    if (!status.ok()) json["error"] = std::string(status.message());
  }
  if (plan.definition < 0) {
    const Schedule& stored = outcome.stored.schedules[plan.stored];
    json["id"] = stored.name;
    json["kind"] = KindOf(stored);
    return json;
  }
  const ReadSchedule& schedule = outcome.reading.schedules[plan.definition];
  const Definition& definition = schedule.definition;
  json["id"] = definition.schedule.name;
  json["kind"] = KindOf(definition.schedule);
  json["becomes"] = definition.becomes;
  json["exactness"] = Name(definition.exactness);
  json["schedule"] = Json::parse(ToJson(schedule.message));
  json["next"] = {{"ours", JsonOf(FiresHere(outcome, schedule))}};
  if (definition.fires.has_value()) json["next"]["source"] = JsonOf(*definition.fires);
  if (!definition.group.empty()) json["group"] = definition.group;
  if (schedule.proof.has_value()) {
    json["proof"] = JsonOf(*schedule.proof, definition.schedule.time_zone, "source");
  }
  return json;
}

Json TotalsJson(const ImportTotals& totals) {
  Json planned = Json::object();
  for (const auto& [action, count] : totals.planned) {
    if (action != ImportAction::kRefused) planned[Name(action)] = count;
  }
  return {{"planned", planned},
          {"refused", totals.refused},
          {"exact", totals.exact},
          {"equalSet", totals.equal_set},
          {"approximate", totals.approximate},
          {"identical", totals.proved},
          {"different", totals.differing},
          {"notProved", totals.unproved},
          {"firesCompared", totals.fires_compared},
          {"written", totals.written},
          {"failed", totals.failed}};
}

}  // namespace

Json ImportJson(const ImportOutcome& outcome) {
  const SourceInfo& source = outcome.reading.source;
  Json json = {{"source",
                {{"kind", source.kind},
                 {"version", source.version},
                 {"locator", source.locator},
                 {"libraries", source.libraries}}},
               {"tzdata",
                {{"source", TzdataRelease(source.tzdata)},
                 {"here", TzdataRelease(outcome.tzdata)},
                 {"scheduler", TzdataRelease(outcome.stored.tzdata)}}},
               {"applied", outcome.is_applied},
               {"warnings", JsonOf(WarningsOf(outcome))},
               {"schedules", Json::array()},
               {"refused", JsonOf(RefusalsOf(outcome))},
               {"totals", TotalsJson(TotalsOf(outcome))}};
  if (outcome.is_applied) json["importId"] = outcome.import_id;
  for (int i = 0; i < outcome.plans.size(); ++i) {
    json["schedules"].push_back(PlanJson(outcome, i));
  }
  return json;
}

}  // namespace z4j::scheduler
