#ifndef Z4J_SCHEDULER_STORE_PAGE_TOKEN_H_
#define Z4J_SCHEDULER_STORE_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/store/schedule_store.h"

// Where a page ended, as opaque text.  Pure.
namespace z4j::scheduler {

// The last schedule of a page: its place in the query's order.
struct SchedulePosition {
  int64_t micros = 0;  // created_at or updated_at; 0 when ordered by name.
  std::string name;
  friend bool operator==(const SchedulePosition&, const SchedulePosition&) = default;
};
SchedulePosition PositionOf(const Schedule& schedule, ScheduleOrder order);

// The token also holds the order: one of another order is refused, with INVALID_ARGUMENT for the
// field "page_token", like any text that is no token.
std::string ScheduleToken(const ScheduleQuery& query, const SchedulePosition& last);
absl::StatusOr<SchedulePosition> ParseScheduleToken(const ScheduleQuery& query);  // query.after

std::string FireToken(const FireQuery& query, const FireKey& last);
absl::StatusOr<FireKey> ParseFireToken(const FireQuery& query);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_PAGE_TOKEN_H_
