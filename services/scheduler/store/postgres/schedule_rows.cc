#include "services/scheduler/store/postgres/schedule_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "services/base/status_macros.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/schedule_match.h"

namespace z4j::scheduler {

using pq::ArrayBuilder;
using pq::Params;
using pq::Type;

Params KeyArrays(absl::Span<const ScheduleKey> keys) {
  Params params;
  params
      .Array(Type::kText, keys,
             [](ArrayBuilder& to, const ScheduleKey& key) { to.Text(key.project); })
      .Array(Type::kText, keys,
             [](ArrayBuilder& to, const ScheduleKey& key) { to.Text(key.name); });
  return params;
}

Params ScheduleArrays(std::vector<const Schedule*> schedules) {
  std::sort(schedules.begin(), schedules.end(),
            [](const Schedule* a, const Schedule* b) { return a->id < b->id; });
  Params params;
  using Builder = ArrayBuilder;
  const auto add = [&](Type type, auto add_one) { params.Array(type, schedules, add_one); };
  add(Type::kUuid, [](Builder& to, const Schedule* s) { to.Id(s->id.value); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(s->project); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(s->name); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(s->engine); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(KindOf(s->spec)); });
  add(Type::kInt2, [](Builder& to, const Schedule* s) { to.Int2(static_cast<int>(s->state)); });
  add(Type::kInt8, [](Builder& to, const Schedule* s) { to.Int8(s->revision); });
  add(Type::kTimestamptz, [](Builder& to, const Schedule* s) { to.Time(s->created_at); });
  add(Type::kTimestamptz, [](Builder& to, const Schedule* s) { to.Time(s->updated_at); });
  add(Type::kJsonb, [](Builder& to, const Schedule* s) { to.Jsonb(LabelsJson(s->labels)); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(EncodeSchedule(*s)); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(SourceKindOf(*s)); });
  add(Type::kText, [](Builder& to, const Schedule* s) { to.Text(SourceLocatorOf(*s)); });
  return params;
}

absl::StatusOr<StoredSchedule> StoredScheduleAt(const pq::Result& result, int row, int column) {
  StoredSchedule stored;
  ASSIGN_OR_RETURN(stored.schedule, DecodeSchedule(result.View(row, column)));
  stored.cursor = {result.Time(row, column + 1), result.Int(row, column + 2)};
  return stored;
}

std::string LabelsJson(const std::map<std::string, std::string>& labels) {
  if (labels.empty()) return "{}";
  return nlohmann::json(labels).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void AddAudit(Params& params, const std::vector<AuditEntry>& entries) {
  using Builder = ArrayBuilder;
  const auto add = [&](Type type, auto add_one) { params.Array(type, entries, add_one); };
  const auto text = [&](Type type, std::string AuditEntry::*field) {
    add(type, [field](Builder& to, const AuditEntry& entry) { to.Text(entry.*field); });
  };
  add(Type::kInt8, [](Builder& to, const AuditEntry& entry) { to.Int8(entry.seq); });
  add(Type::kTimestamptz, [](Builder& to, const AuditEntry& entry) { to.Time(entry.at); });
  text(Type::kText, &AuditEntry::actor);
  text(Type::kText, &AuditEntry::source);
  text(Type::kText, &AuditEntry::action);
  text(Type::kText, &AuditEntry::resource);
  add(Type::kUuid, [](Builder& to, const AuditEntry& entry) { to.Id(entry.schedule.value); });
  text(Type::kText, &AuditEntry::before);
  text(Type::kText, &AuditEntry::after);
  text(Type::kText, &AuditEntry::request_id);
  text(Type::kText, &AuditEntry::key_id);
  text(Type::kBytea, &AuditEntry::previous_mac);
  text(Type::kBytea, &AuditEntry::mac);
}

AuditEntry AuditEntryAt(const pq::Result& result, int row) {
  AuditEntry entry;
  entry.seq = result.Int(row, 0);
  entry.at = result.Time(row, 1);
  entry.actor = result.Text(row, 2);
  entry.source = result.Text(row, 3);
  entry.action = result.Text(row, 4);
  entry.resource = result.Text(row, 5);
  entry.schedule = {result.Id(row, 6)};
  entry.before = result.Text(row, 7);
  entry.after = result.Text(row, 8);
  entry.request_id = result.Text(row, 9);
  entry.key_id = result.Text(row, 10);
  entry.previous_mac = result.Text(row, 11);
  entry.mac = result.Text(row, 12);
  return entry;
}

AuditHead AuditHeadAt(const pq::Result& result, int row) {
  return {result.Int(row, 0), result.Text(row, 1), result.Text(row, 2), result.Text(row, 3)};
}

}  // namespace z4j::scheduler
