#ifndef Z4J_SCHEDULER_STORE_POSTGRES_WRITTEN_ROWS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_WRITTEN_ROWS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/store/postgres/pq.h"
#include "services/scheduler/store/schedule_store.h"

// The table `written_fires`: which fires each transaction wrote.
namespace z4j::scheduler {

// A call of the transaction that writes these fires.
pq::Call NoteWritten(absl::Span<const FireKey> keys);

// Of a statement that writes: the CTE `noted`, which notes the keys that the CTE `from` returns as
// schedule_id, due_at, trigger_id.
std::string NoteWrittenOf(absl::string_view from);

// Where a reader stands (ScheduleStore::ListWritten).
struct WrittenPlace {
  // What it has seen, as pg_snapshot writes it: "795:799:795,797".
  std::string seen;
  // Inside a page: it is reading what `upto` saw in addition, and has read the rows up to here.
  std::string upto;
  int64_t xid = 0, id = 0;
};
std::string WrittenText(const WrittenPlace& place);
absl::StatusOr<WrittenPlace> ParseWrittenText(const std::string& text);  // INVALID_ARGUMENT

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_WRITTEN_ROWS_H_
