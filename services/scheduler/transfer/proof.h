#ifndef Z4J_SCHEDULER_TRANSFER_PROOF_H_
#define Z4J_SCHEDULER_TRANSFER_PROOF_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/core/schedule.h"

// Our evaluator held against what the source's own library says.  Pure.
namespace z4j::scheduler {

// The next `count` due times strictly after `after` of all `schedules` together, each instant once,
// as the tick would decide them: start_at, end_at and max_fires hold.  Fewer if they end.
// INVALID_ARGUMENT as CompileRecurrence.
absl::StatusOr<std::vector<absl::Time>> NextFires(absl::Span<const Schedule> schedules,
                                                  absl::Time after, int count);

// The first instant at which two lists are not the same.
struct Difference {
  int index = 0;           // Which fire, 0 for the first.
  absl::Time there, here;  // InfiniteFuture: that side has none any more.
  std::string rule;        // What most likely causes it, for people.
};

struct Proof {
  int compared = 0;                // Fires of the source that were held against ours.
  std::vector<Difference> differ;  // Empty: identical.  At most one.
  absl::Duration apart_max;        // Between the n-th of both, over all n that both have.

  bool is_identical() const { return differ.empty(); }
};

// Compares the source's next fires after `after`, ascending, with those of `schedules` (one, or a
// group whose union counts).  `wanted`: how many the source was asked for; if it has fewer, ours
// must end there, too.  Of neither is compared what comes at `ends` or later, which the source's
// library does not know, nor the last day of the calendar: where it ends depends on the zone.
// INVALID_ARGUMENT as NextFires.
absl::StatusOr<Proof> Prove(absl::Span<const Schedule> schedules, absl::Time after,
                            absl::Span<const absl::Time> fires, int wanted,
                            absl::Time ends = absl::InfiniteFuture());

// "2026-03-29 03:30:00 +02:00 (01:30:00 UTC)" in `zone`; "no further fire" for InfiniteFuture.
std::string LocalAndUtc(absl::Time time, const std::string& zone);

// The next instants after `after`, at most `count`, at which `zone` changes its offset from UTC.
std::vector<absl::Time> NextChanges(const std::string& zone, absl::Time after, int count);

// From where on `schedule` is to be proved, besides `now`: shortly before each of the next two
// changes of the clock in its zone, that is a gap and a fold, unless `proved_until` is beyond it.
// None if the clock moves none of its due times; nor with max_fires, of which fewer would be left
// by then. Ascending, and not before `now`.
std::vector<absl::Time> ProofsAtChanges(const Schedule& schedule, absl::Time now,
                                        absl::Time proved_until);

// "2026e" for "2026e" and for "2026.5", as the package on PyPI spells it; other texts stay.
std::string TzdataRelease(absl::string_view version);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_PROOF_H_
