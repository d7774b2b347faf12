#ifndef Z4J_SCHEDULER_TRANSFER_SHADOW_MATCH_H_
#define Z4J_SCHEDULER_TRANSFER_SHADOW_MATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

// What schedules in shadow recorded, held against what the old scheduler was seen to send.  Pure.
namespace z4j::scheduler {

struct ShadowSchedule {
  std::string name, task;
  std::string args = "[]", kwargs = "{}";  // JSON.
  // A job belongs to a due time that is at most so far from it, on either side.
  absl::Duration reach;
  // Its source counts an interval from the last run, and so falls behind the clock and leaves out a
  // due time now and then: none is missing where its jobs follow one another within so long.  Zero:
  // it keeps to its due times.
  absl::Duration between_max = absl::ZeroDuration();
};

// A due time that a schedule recorded.
struct ShadowFire {
  int schedule = 0;  // Index into the schedules.
  absl::Time due;
};

// A job that the old scheduler sent.
struct SeenJob {
  std::string task;
  std::optional<std::string> args = {}, kwargs = {};  // JSON; none: not visible.
  absl::Time at;
};

struct TimeSpan {
  absl::Time begin, end;
};

// When the old scheduler was watched, and the spans in it about which nothing is known.
struct ShadowWindow {
  absl::Time begin, end;
  std::vector<TimeSpan> gaps = {};

  // Whether all within `reach` of `at` was watched: only then does something unmatched mean
  // anything.
  bool Judges(absl::Time at, absl::Duration reach) const;
};

// What became of the fires of one schedule.
struct ShadowLine {
  int64_t matched = 0;
  int64_t not_judged = 0;                  // Unmatched, too near to an end of the window or a gap.
  int64_t drifted = 0;                     // Left out by a source that counts from the last run.
  std::vector<absl::Time> missing = {};    // Recorded here, and no job was seen.
  std::vector<absl::Time> extra = {};      // A job was seen, and nothing is recorded here.
  std::vector<absl::Duration> apart = {};  // Of each match: the job's instant minus the due time.
};

struct ShadowComparison {
  std::vector<ShadowLine> lines;  // In the order of the schedules.
  int64_t unscheduled = 0;        // Jobs of tasks that no schedule names.
  int64_t other_arguments = 0;    // Jobs of scheduled tasks, with arguments that no schedule has.
};

// Holds jobs against fires.  A job belongs to the schedules that have its task and, as far as they
// are visible, its arguments; which of their due times it is for, the instants tell: pairs keep the
// order of both sides, and are those that are least apart in all, where leaving one without the
// other costs as much as the reach.  Fires outside the window and its reach do not count.  An extra
// job counts for the schedule that is due nearest to it.
ShadowComparison CompareShadow(absl::Span<const ShadowSchedule> schedules,
                               absl::Span<const ShadowFire> fires, absl::Span<const SeenJob> jobs,
                               const ShadowWindow& window);

// The `percent`-th of `apart` by size, with its sign; zero if there is none.
absl::Duration ApartAt(std::vector<absl::Duration> apart, int percent);

// The same JSON in one spelling; what is none stays as it is.
std::string OneSpelling(const std::string& json);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_SHADOW_MATCH_H_
