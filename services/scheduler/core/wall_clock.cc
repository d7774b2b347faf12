#include "services/scheduler/core/wall_clock.h"

#include <algorithm>
#include <utility>

#include "services/scheduler/core/calendar.h"

namespace z4j::scheduler {

WallClock::WallClock(std::shared_ptr<const Zone> zone, GapPolicy gap, FoldPolicy fold)
    : zone_(std::move(zone)), gap_(gap), fold_(fold) {}

WallSecond WallClock::Shows(int64_t instant) const {
  return instant + zone_->segments()[zone_->IndexAt(instant)].offset;
}

WallClock::Span WallClock::SpanAt(size_t index) const {
  const auto& segments = zone_->segments();
  const OffsetSegment& here = segments[index];
  const bool is_last = index + 1 == segments.size();
  Span span;
  span.start = here.start;
  span.end = is_last ? kDistantFuture : segments[index + 1].start;
  span.offset = here.offset;
  span.offset_before = index == 0 ? here.offset : segments[index - 1].offset;
  // "None" of a pattern, the ends of time, is in no span.
  span.low = index == 0 ? kDistantPast + 1 : span.start + span.offset;
  span.high = is_last ? kDistantFuture : span.end + span.offset;
  span.gap_low = index == 0 ? span.low : span.start + span.offset_before;
  span.gap_high = std::max(span.gap_low, span.low);
  if (fold_ == FoldPolicy::kFirst) span.low = std::max(span.low, span.gap_low);
  if (fold_ == FoldPolicy::kSecond && !is_last) {
    span.high = std::min(span.high, span.end + segments[index + 1].offset);
  }
  return span;
}

int64_t WallClock::FirstIn(const WallPattern& pattern, const Span& span, int64_t from) const {
  int64_t first = kDistantFuture;
  if (span.gap_low < span.gap_high) {
    if (gap_ == GapPolicy::kNextValid && from <= span.start &&
        pattern.FirstAtOrAfter(span.gap_low) < span.gap_high) {
      return span.start;
    }
    if (gap_ == GapPolicy::kShift) {
      const WallSecond removed =
          pattern.FirstAtOrAfter(std::max(span.gap_low, from + span.offset_before));
      if (removed < span.gap_high) first = removed - span.offset_before;
    }
  }
  const WallSecond shown = pattern.FirstAtOrAfter(std::max(span.low, from + span.offset));
  if (shown < span.high) first = std::min(first, shown - span.offset);
  return first;
}

int64_t WallClock::FirstAtOrAfter(const WallPattern& pattern, int64_t from) const {
  const size_t count = zone_->segments().size();
  for (size_t i = zone_->IndexAt(from); i < count;) {
    const Span span = SpanAt(i);
    const int64_t first = FirstIn(pattern, span, std::max(from, span.start));
    if (first != kDistantFuture) return first;
    // Segments that end before the next member are left out.  No offset reaches a day, and a fold
    // shows again what lies before the end of this span: hence the two days' margin.
    const WallSecond next = pattern.FirstAtOrAfter(span.end - kSecondsPerDay);
    if (next == kDistantFuture) break;
    i = std::max(i + 1, zone_->IndexAt(next - kSecondsPerDay));
  }
  return kDistantFuture;
}

int64_t WallClock::LastIn(const WallPattern& pattern, const Span& span, int64_t at) const {
  int64_t last = kDistantPast;
  const WallSecond shown = pattern.LastAtOrBefore(std::min(span.high - 1, at + span.offset));
  if (shown >= span.low) last = shown - span.offset;
  if (span.gap_low == span.gap_high) return last;
  if (gap_ == GapPolicy::kNextValid && pattern.FirstAtOrAfter(span.gap_low) < span.gap_high) {
    last = std::max(last, span.start);
  }
  if (gap_ == GapPolicy::kShift) {
    const WallSecond removed =
        pattern.LastAtOrBefore(std::min(span.gap_high - 1, at + span.offset_before));
    if (removed >= span.gap_low) last = std::max(last, removed - span.offset_before);
  }
  return last;
}

int64_t WallClock::LastAtOrBefore(const WallPattern& pattern, int64_t at) const {
  for (size_t i = zone_->IndexAt(at) + 1; i-- > 0;) {
    const Span span = SpanAt(i);
    const int64_t last = LastIn(pattern, span, std::min(at, span.end - 1));
    if (last != kDistantPast) return last;
  }
  return kDistantPast;
}

int64_t WallClock::CountOfGap(const WallPattern& pattern, const Span& span, int64_t from,
                              int64_t to) const {
  if (span.gap_low == span.gap_high || gap_ == GapPolicy::kSkip) return 0;
  // Instants that an ordinary member gives too are counted there.
  const auto is_ordinary = [&](int64_t instant) {
    const WallSecond wall = instant + span.offset;
    return wall >= span.low && wall < span.high && pattern.FirstAtOrAfter(wall) == wall;
  };
  if (gap_ == GapPolicy::kNextValid) {
    const bool counts = from <= span.start && span.start < to &&
                        pattern.FirstAtOrAfter(span.gap_low) < span.gap_high;
    return counts && !is_ordinary(span.start) ? 1 : 0;
  }
  int64_t count = 0;
  const WallSecond end = std::min(span.gap_high, to + span.offset_before);
  WallSecond wall = pattern.FirstAtOrAfter(std::max(span.gap_low, from + span.offset_before));
  while (wall < end) {
    if (!is_ordinary(wall - span.offset_before)) ++count;
    wall = pattern.FirstAtOrAfter(wall + 1);
  }
  return count;
}

int64_t WallClock::CountIn(const WallPattern& pattern, int64_t from, int64_t to) const {
  int64_t count = 0;
  const size_t segments = zone_->segments().size();
  for (size_t i = zone_->IndexAt(from); i < segments; ++i) {
    const Span span = SpanAt(i);
    if (span.start >= to) break;
    const WallSecond low = std::max(span.low, from + span.offset);
    const WallSecond high = std::min(span.high, to + span.offset);
    if (low < high) count += pattern.CountIn(low, high);
    count += CountOfGap(pattern, span, std::max(from, span.start), std::min(to, span.end));
  }
  return count;
}

}  // namespace z4j::scheduler
