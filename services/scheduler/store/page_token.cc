#include "services/scheduler/store/page_token.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "services/base/field_error.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

std::string Seal(const Json& parts) {
  return absl::WebSafeBase64Escape(parts.dump(-1, ' ', true, Json::error_handler_t::replace));
}

// The parts of `token` after its first, which must be `order`.  Every token has three or four parts
// in all: the last two or three are a number and texts.
absl::StatusOr<Json> Unseal(absl::string_view token, const std::string& order, size_t size) {
  const absl::Status refused =
      FieldError("page_token",
                 "is not a token of this list; leave it empty for the first page, "
                 "and keep order and filters from page to page");
  std::string text;
  if (!absl::WebSafeBase64Unescape(token, &text)) return refused;
  Json parts = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parts.is_array() || parts.size() != size || parts[0] != order) return refused;
  if (!parts[1].is_number_integer()) return refused;
  for (size_t i = 2; i < size; ++i) {
    if (!parts[i].is_string()) return refused;
  }
  return parts;
}

std::string OrderOf(const ScheduleQuery& query) {
  constexpr const char* kOrders[] = {"name", "created", "updated"};
  return std::string(query.descending ? "-" : "+") + kOrders[static_cast<int>(query.order) - 1];
}

std::string OrderOf(const FireQuery& query) { return query.ascending ? "+due" : "-due"; }

}  // namespace

SchedulePosition PositionOf(const Schedule& schedule, ScheduleOrder order) {
  switch (order) {
    case ScheduleOrder::kCreated:
      return {ToMicros(schedule.created_at), schedule.name};
    case ScheduleOrder::kUpdated:
      return {ToMicros(schedule.updated_at), schedule.name};
    case ScheduleOrder::kName:
      break;
  }
  return {0, schedule.name};
}

std::string ScheduleToken(const ScheduleQuery& query, const SchedulePosition& last) {
  return Seal(Json::array({OrderOf(query), last.micros, last.name}));
}

absl::StatusOr<SchedulePosition> ParseScheduleToken(const ScheduleQuery& query) {
  absl::StatusOr<Json> parts = Unseal(query.after, OrderOf(query), 3);
  if (!parts.ok()) return parts.status();
  return SchedulePosition{(*parts)[1].get<int64_t>(), (*parts)[2].get<std::string>()};
}

std::string FireToken(const FireQuery& query, const FireKey& last) {
  return Seal(Json::array(
      {OrderOf(query), ToMicros(last.due_at), last.schedule.ToString(), last.trigger.ToString()}));
}

absl::StatusOr<FireKey> ParseFireToken(const FireQuery& query) {
  absl::StatusOr<Json> parts = Unseal(query.after, OrderOf(query), 4);
  if (!parts.ok()) return parts.status();
  absl::StatusOr<Uuid> schedule = Uuid::Parse((*parts)[2].get_ref<const std::string&>());
  absl::StatusOr<Uuid> trigger = Uuid::Parse((*parts)[3].get_ref<const std::string&>());
  if (!schedule.ok() || !trigger.ok()) return FieldError("page_token", "is damaged");
  return FireKey{{*schedule}, FromMicros((*parts)[1].get<int64_t>()), *trigger};
}

}  // namespace z4j::scheduler
