#include "services/scheduler/core/solar.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/scheduler/core/sun.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr double kDegree = 3.14159265358979323846 / 180;
constexpr long kHalfDaySeconds = 43'200;

// At the poles the sun rises once a year: no event is rarer.
constexpr long kSearchHalfDays = 2 * 400;

// Half days outside are not looked at: 1970 to 2199.
constexpr long kFirstHalfDay = -2 * 10'957;
constexpr long kLastHalfDay = 2 * 73'048;

// Two half days of margin: clocks differ from the sun by longitude, equation of time and the
// distance of a culmination from its transit, together less than 12 + 1 + 3 hours.
constexpr long kMargin = 2;

// Time is cut at the culminations, so that the sun rises or sinks all through each piece: a piece
// holds the event once or not at all.  Where the pieces lie depends on the place alone.
class SolarRecurrence final : public Recurrence {
 public:
  explicit SolarRecurrence(const SolarSpec& spec)
      : event_(spec.event),
        latitude_(spec.latitude * kDegree),
        longitude_(spec.longitude * kDegree),
        offset_(spec.offset) {}

  absl::Time NextAfter(absl::Time after) const override { return First(after).time; }

  absl::Time LastAtOrBefore(absl::Time at) const override { return Last(at).time; }

  int64_t CountBetween(absl::Time after, absl::Time until) const override {
    const Found first = First(after), last = Last(until);
    if (first.time > last.time) return 0;
    if (IsTransit()) return (last.half_day - first.half_day) / 2 + 1;
    int64_t count = 0;
    Edge begin = EdgeOf(first.half_day);
    for (long i = first.half_day; i <= last.half_day; ++i) {
      const Edge end = EdgeOf(i + 1);
      count += Crosses(begin, end);
      begin = end;
    }
    return count;
  }

 private:
  struct Found {
    absl::Time time;
    long half_day;  // The piece that begins with this culmination.
  };
  // Where two pieces meet.
  struct Edge {
    SunTime time;
    bool is_above;  // The sun, over the event's altitude.
  };

  Found First(absl::Time after) const {
    const long begin = std::max(HalfDayOf(after) - kMargin, kFirstHalfDay);
    const long end = std::min(begin + kSearchHalfDays, kLastHalfDay);
    std::optional<Edge> edge;
    for (long i = begin; i < end; ++i) {
      const absl::Time time = EventIn(i, edge, +1);
      if (time > after && time != absl::InfinitePast()) return {time, i};
    }
    return {absl::InfiniteFuture(), 0};
  }

  Found Last(absl::Time at) const {
    const long begin = std::min(HalfDayOf(at) + kMargin, kLastHalfDay - 1);
    const long end = std::max(begin - kSearchHalfDays, kFirstHalfDay);
    std::optional<Edge> edge;
    for (long i = begin; i >= end; --i) {
      const absl::Time time = EventIn(i, edge, -1);
      if (time <= at && time != absl::InfinitePast()) return {time, i};
    }
    return {absl::InfinitePast(), 0};
  }

  // The event in piece `i`; InfinitePast if there is none.  `edge` carries the edge that this piece
  // shares with the next one asked for, in direction `step`.
  absl::Time EventIn(long i, std::optional<Edge>& edge, int step) const {
    if (IsTransit()) {
      const bool is_mine = (i % 2 == 0) == (event_ == SolarEvent::kSolarNoon);
      return is_mine ? TimeOf(SunTransit(i, longitude_)) : absl::InfinitePast();
    }
    const Edge begin = step > 0 && edge ? *edge : EdgeOf(i);
    const Edge end = step < 0 && edge ? *edge : EdgeOf(i + 1);
    edge = step > 0 ? end : begin;
    return Crosses(begin, end) ? TimeOf(Crossing(begin, end)) : absl::InfinitePast();
  }

  Edge EdgeOf(long half_day) const {
    const SunTime time = SunCulmination(half_day, latitude_, longitude_);
    return {time, IsAbove(time)};
  }

  bool Crosses(const Edge& begin, const Edge& end) const {
    return begin.is_above != end.is_above && end.is_above == IsRising();
  }

  SunTime Crossing(const Edge& begin, const Edge& end) const {
    SunTime low = begin.time, high = end.time;
    while (high - low > 1e-4) {
      const SunTime middle = low + (high - low) / 2;
      (IsAbove(middle) == begin.is_above ? low : high) = middle;
    }
    return high;
  }

  bool IsAbove(SunTime time) const {
    const SunPlace place = SunPlaceAt(time);
    const double altitude = SunAltitude(place, latitude_, longitude_);
    switch (event_) {
      case SolarEvent::kDawnAstronomical:
      case SolarEvent::kDuskAstronomical:
        return altitude >= -18;
      case SolarEvent::kDawnNautical:
      case SolarEvent::kDuskNautical:
        return altitude >= -12;
      case SolarEvent::kDawnCivil:
      case SolarEvent::kDuskCivil:
        return altitude >= -6;
      default:  // The upper limb, and 34' of refraction.
        return altitude + SunRadius(place) >= -34.0 / 60;
    }
  }

  bool IsTransit() const {
    return event_ == SolarEvent::kSolarNoon || event_ == SolarEvent::kSolarMidnight;
  }
  bool IsRising() const { return event_ <= SolarEvent::kSunrise; }

  long HalfDayOf(absl::Time time) const {
    const double local = absl::ToDoubleSeconds(time - offset_ - absl::UnixEpoch()) -
                         kSunEpochUnixSeconds + longitude_ / (360 * kDegree) * 2 * kHalfDaySeconds;
    return static_cast<long>(std::clamp(std::floor(local / kHalfDaySeconds), double{kFirstHalfDay},
                                        double{kLastHalfDay}));
  }

  // In whole milliseconds: finer ones mean nothing, and might differ between machines.
  absl::Time TimeOf(SunTime time) const {
    const int64_t ms = std::llround(time * 1000) + int64_t{kSunEpochUnixSeconds} * 1000;
    return absl::FromUnixMillis(ms) + offset_;
  }

  const SolarEvent event_;
  const double latitude_, longitude_;  // Radians.
  const absl::Duration offset_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Recurrence>> CompileSolar(const SolarSpec& spec) {
  std::vector<FieldViolation> violations;
  const auto bound_degrees = [&violations](const char* name, double value, int bound) {
    if (std::abs(value) <= bound) return;  // Also refuses NaN.
    violations.push_back(
        {absl::StrCat("spec.solar.", name),
         absl::StrCat(value, " is not between -", bound, " and ", bound,
                      " degrees; give degrees with decimals, north and east positive")});
  };
  bound_degrees("latitude", spec.latitude, 90);
  bound_degrees("longitude", spec.longitude, 180);
  if (spec.event < SolarEvent::kDawnAstronomical || spec.event > SolarEvent::kSolarMidnight) {
    violations.push_back({"spec.solar.event", "is not given; choose one, such as SUNRISE"});
  }
  if (absl::AbsDuration(spec.offset) > kSolarOffsetMax) {
    violations.push_back(
        {"spec.solar.offset", absl::StrCat(absl::FormatDuration(spec.offset), " is more than ",
                                           absl::FormatDuration(kSolarOffsetMax),
                                           " before or after the event; choose a nearer one")});
  } else if (spec.offset % absl::Microseconds(1) != absl::ZeroDuration()) {
    violations.push_back({"spec.solar.offset",
                          absl::StrCat(absl::FormatDuration(spec.offset),
                                       " is finer than a microsecond; give whole microseconds")});
  }
  if (!violations.empty()) return FieldError(std::move(violations));
  return std::make_shared<SolarRecurrence>(spec);
}

}  // namespace z4j::scheduler
