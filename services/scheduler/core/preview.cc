#include "services/scheduler/core/preview.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/dst_note.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

absl::StatusOr<std::vector<PreviewedFire>> PreviewFires(const Schedule& schedule,
                                                        const Cursor& cursor, absl::Time after,
                                                        int count) {
  if (count < 1 || count > kPreviewMax) {
    return FieldError("count", absl::StrCat(count, " is out of range; write 1 to ", kPreviewMax));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<const Recurrence> recurrence, CompileRecurrence(schedule));
  ASSIGN_OR_RETURN(const DstNotes notes, DstNotes::For(schedule));
  absl::TimeZone zone;
  absl::LoadTimeZone(schedule.time_zone, &zone);
  const PlanPolicy policy = PolicyOf(schedule);

  int64_t left = count;
  if (policy.max_fires > 0) left = std::min(left, policy.max_fires - cursor.fires);
  std::vector<PreviewedFire> fires;
  absl::Time previous = std::max(after, policy.start_at - absl::Microseconds(1));
  for (; left > 0; --left) {
    const absl::Time due = recurrence->NextAfter(previous);
    if (due == absl::InfiniteFuture() || due > policy.end_at) break;
    fires.push_back(
        {due, absl::FormatTime(absl::RFC3339_full, due, zone), notes.NoteOn(previous, due)});
    previous = due;
  }
  return fires;
}

}  // namespace z4j::scheduler
