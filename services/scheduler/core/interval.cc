#include "services/scheduler/core/interval.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/calendar.h"
#include "services/scheduler/core/every_few_days.h"
#include "services/scheduler/core/wall_recurrence.h"
#include "services/scheduler/core/zone.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = kSecondsPerDay * kMicrosPerSecond;
constexpr int64_t kFirstMicros = MonthStart(kCalendarYearMin, 1) * kMicrosPerDay;
constexpr int64_t kEndMicros = MonthStart(kCalendarYearMax + 1, 1) * kMicrosPerDay;

// Microseconds rounded down; times outside the calendar become its ends, one beyond.
int64_t FloorMicros(absl::Time time) {
  return std::clamp(absl::ToUnixMicros(time), kFirstMicros - 1, kEndMicros);
}

absl::Status CheckInstant(absl::string_view field, absl::Time at) {
  const int64_t micros = FloorMicros(at);
  if (micros < kFirstMicros || micros >= kEndMicros) {
    return FieldError(field, absl::StrCat(absl::FormatTime(at, absl::UTCTimeZone()),
                                          " is out of range; write a time from ", kCalendarYearMin,
                                          " to ", kCalendarYearMax));
  }
  if (absl::FromUnixMicros(micros) != at) {
    return FieldError(field, "is finer than a microsecond; round it to one");
  }
  return absl::OkStatus();
}

absl::Status CheckInterval(const IntervalSpec& spec, absl::Time anchor) {
  if (spec.period < kPeriodMin || spec.period > kPeriodMax) {
    return FieldError(
        "spec.interval.period",
        absl::StrCat(absl::FormatDuration(spec.period), " is out of range; write ",
                     absl::FormatDuration(kPeriodMin), " to ", absl::FormatDuration(kPeriodMax)));
  }
  if (absl::Microseconds(absl::ToInt64Microseconds(spec.period)) != spec.period) {
    return FieldError("spec.interval.period", "is finer than a microsecond; round it to one");
  }
  return CheckInstant("spec.interval.anchor", anchor);
}

// The anchor, then the same wall time every so many days.
class WallInterval final : public Recurrence {
 public:
  WallInterval(absl::Time anchor, int64_t period_s, const WallClock& clock)
      : anchor_(anchor),
        later_(EveryFewDays(clock.Shows(absl::ToUnixSeconds(anchor)) + period_s, period_s), clock,
               anchor - absl::FromUnixSeconds(absl::ToUnixSeconds(anchor))) {}

  absl::Time NextAfter(absl::Time after) const override {
    return after < anchor_ ? anchor_ : later_.NextAfter(after);
  }
  absl::Time LastAtOrBefore(absl::Time at) const override {
    const absl::Time last = later_.LastAtOrBefore(at);
    if (last != absl::InfinitePast()) return last;
    return anchor_ <= at ? anchor_ : absl::InfinitePast();
  }
  int64_t CountBetween(absl::Time after, absl::Time until) const override {
    const int64_t first = after < anchor_ && anchor_ <= until ? 1 : 0;
    return first + later_.CountBetween(after, until);
  }

 private:
  const absl::Time anchor_;
  const WallRecurrence<EveryFewDays> later_;
};

}  // namespace

static_assert(sizeof(TimeGrid) == 24, "a million of them are held by value");

absl::Time TimeGrid::NextAfter(absl::Time after) const {
  const int64_t next = first_ + period_ * CountTo(FloorMicros(after));
  return next < kEndMicros ? absl::FromUnixMicros(next) : absl::InfiniteFuture();
}

absl::Time TimeGrid::LastAtOrBefore(absl::Time at) const {
  const int64_t count = CountTo(std::min(FloorMicros(at), kEndMicros - 1));
  return count > 0 ? absl::FromUnixMicros(first_ + period_ * (count - 1)) : absl::InfinitePast();
}

int64_t TimeGrid::CountBetween(absl::Time after, absl::Time until) const {
  const int64_t to = std::min(FloorMicros(until), kEndMicros - 1);
  return std::max<int64_t>(CountTo(to) - CountTo(FloorMicros(after)), 0);
}

absl::StatusOr<std::optional<TimeGrid>> CompileTimeGrid(const Schedule& schedule) {
  const auto* interval = std::get_if<IntervalSpec>(&schedule.spec);
  const auto* one_shot = std::get_if<OneShotSpec>(&schedule.spec);
  const bool absolute = interval != nullptr && interval->arithmetic == Arithmetic::kAbsolute;
  if (!absolute && one_shot == nullptr) return std::nullopt;
  // The zone plays no part, but users are shown it: it must be one.
  RETURN_IF_ERROR(Zone::Load(schedule.time_zone).status());
  if (one_shot != nullptr) {
    RETURN_IF_ERROR(CheckInstant("spec.one_shot.at", one_shot->at));
    return TimeGrid(one_shot->at, absl::Microseconds(kEndMicros - kFirstMicros));
  }
  const absl::Time anchor = AnchorOf(*interval, schedule);
  RETURN_IF_ERROR(CheckInterval(*interval, anchor));
  return TimeGrid(anchor, interval->period);
}

absl::StatusOr<std::shared_ptr<const Recurrence>> CompileWallInterval(const IntervalSpec& spec,
                                                                      absl::Time anchor,
                                                                      const WallClock& clock) {
  RETURN_IF_ERROR(CheckInterval(spec, anchor));
  const int64_t period = absl::ToInt64Microseconds(spec.period);
  if (period % kMicrosPerDay != 0) {
    return FieldError(
        "spec.interval.period",
        absl::StrCat(absl::FormatDuration(spec.period),
                     " is not whole days, as WALL arithmetic needs; write a multiple ",
                     "of 24h, or use ABSOLUTE, or a cron for times of the day"));
  }
  return std::make_shared<WallInterval>(anchor, period / kMicrosPerSecond, clock);
}

}  // namespace z4j::scheduler
