#ifndef Z4J_SCHEDULER_CORE_DST_NOTE_H_
#define Z4J_SCHEDULER_CORE_DST_NOTE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// The wall times that the spec of `schedule` names, read as UTC: by the one evaluator, compiled for
// UTC, where every wall time exists once.  Null if the spec does not go by the wall clock.
// INVALID_ARGUMENT as CompileRecurrence.
absl::StatusOr<std::shared_ptr<const Recurrence>> CompileWallTimes(const Schedule& schedule);

// Says what DST changes do to the fires of one schedule.  Immutable.
class DstNotes {
 public:
  // INVALID_ARGUMENT as CompileRecurrence.
  static absl::StatusOr<DstNotes> For(const Schedule& schedule);

  // What a change did to the fire at `due_at`, or to those dropped since the one at `previous`;
  // empty if nothing.
  std::string NoteOn(absl::Time previous, absl::Time due_at) const;

 private:
  DstNotes() = default;

  std::string GapNote(absl::Time previous, absl::Time due_at) const;
  std::string SkipNote(absl::Time previous, absl::Time due_at) const;
  std::string FoldNote(absl::Time due_at) const;
  // How many wall times in [from, to) the spec names.
  int64_t CountWallTimes(absl::CivilSecond from, absl::CivilSecond to) const;

  absl::TimeZone zone_;
  GapPolicy gap_ = GapPolicy::kNextValid;
  // The spec's wall times, read as UTC; none if the spec does not go by the wall clock.
  std::shared_ptr<const Recurrence> wall_times_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_DST_NOTE_H_
