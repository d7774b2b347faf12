#ifndef Z4J_SCHEDULER_CORE_WALL_CLOCK_H_
#define Z4J_SCHEDULER_CORE_WALL_CLOCK_H_

#include <cstdint>
#include <memory>

#include "services/scheduler/core/schedule.h"
#include "services/scheduler/core/zone.h"

namespace z4j::scheduler {

// What a wall clock shows, in seconds from 1970-01-01T00:00:00, whatever its zone.
using WallSecond = int64_t;

// A set of wall times, such as "each day at 02:30".  Implementations are immutable.
class WallPattern {
 public:
  virtual ~WallPattern() = default;

  // The first member >= `from`; kDistantFuture if there is none.
  virtual WallSecond FirstAtOrAfter(WallSecond from) const = 0;
  // The last member <= `at`; kDistantPast if there is none.
  virtual WallSecond LastAtOrBefore(WallSecond at) const = 0;
  // How many members lie in [from, to).
  virtual int64_t CountIn(WallSecond from, WallSecond to) const = 0;
};

// The one place where wall times become instants.  Each member of a pattern gives
//   * its instant, if the clock shows it once;
//   * if a DST change repeats it: the earlier instant (FIRST), the later (SECOND), or BOTH;
//   * if a DST change removes it: the instant of the change (NEXT_VALID), the instant as late as
//     the clock was put forward (SHIFT: its time by the old offset), or nothing (SKIP).
// Equal instants count once.  All instants are Unix seconds.  Immutable and thread-safe.
class WallClock {
 public:
  // `fold` is not kAuto.
  WallClock(std::shared_ptr<const Zone> zone, GapPolicy gap, FoldPolicy fold);

  // The first instant >= `from`; kDistantFuture if there is none.
  int64_t FirstAtOrAfter(const WallPattern& pattern, int64_t from) const;
  // The last instant <= `at`; kDistantPast if there is none.
  int64_t LastAtOrBefore(const WallPattern& pattern, int64_t at) const;
  // How many instants lie in [from, to).
  int64_t CountIn(const WallPattern& pattern, int64_t from, int64_t to) const;

  // What the clock shows at the instant.
  WallSecond Shows(int64_t instant) const;

 private:
  // A segment of the zone, with the wall times that count in it.
  struct Span {
    int64_t start, end;            // Instants [start, end).
    int64_t offset;                // Wall time minus instant.
    WallSecond low, high;          // Ordinary wall times [low, high) after the fold policy.
    int64_t offset_before;         // Of the segment before.
    WallSecond gap_low, gap_high;  // Wall times that its start removed; empty if equal.
  };
  Span SpanAt(size_t index) const;
  // The first and last instant in [from, to] that `span` gives.
  int64_t FirstIn(const WallPattern& pattern, const Span& span, int64_t from) const;
  int64_t LastIn(const WallPattern& pattern, const Span& span, int64_t at) const;
  // How many instants in [from, to) only the gap at the start of `span` gives.
  int64_t CountOfGap(const WallPattern& pattern, const Span& span, int64_t from, int64_t to) const;

  std::shared_ptr<const Zone> zone_;
  GapPolicy gap_;
  FoldPolicy fold_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_WALL_CLOCK_H_
