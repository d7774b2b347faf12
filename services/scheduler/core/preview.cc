#include "services/scheduler/core/preview.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/dst_note.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/zone.h"
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
  const absl::TimeZone zone = ShownZone(schedule.time_zone);
  const PlanPolicy policy = PolicyOf(schedule);

  std::vector<PreviewedFire> fires;
  Cursor at = {std::max(after, policy.start_at - absl::Microseconds(1)), cursor.fires};
  while (static_cast<int>(fires.size()) < count) {
    const absl::Time due = NextDue(*recurrence, policy, at);
    if (due == absl::InfiniteFuture()) break;
    fires.push_back(
        {due, absl::FormatTime(absl::RFC3339_full, due, zone), notes.NoteOn(at.watermark, due)});
    at = {due, at.fires + 1};
  }
  return fires;
}

}  // namespace z4j::scheduler
