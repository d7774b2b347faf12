#ifndef Z4J_SCHEDULER_CORE_ZONE_H_
#define Z4J_SCHEDULER_CORE_ZONE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace z4j::scheduler {

// A stretch of time with one offset from UTC; it ends where the next one starts.
struct OffsetSegment {
  int64_t start;   // Unix seconds.
  int64_t offset;  // Seconds east of UTC.

  friend bool operator==(const OffsetSegment&, const OffsetSegment&) = default;
};

// Stands for "before" and "after all time" in seconds; far enough from the ends of int64_t that
// offsets can be added.
inline constexpr int64_t kDistantPast = -(int64_t{1} << 60);
inline constexpr int64_t kDistantFuture = int64_t{1} << 60;

// Seconds east of UTC of a fixed offset as schedules write it: "UTC+05:30", "UTC-03:00", whole
// minutes up to 14 hours, each in one spelling.  nullopt for every other text, and for offset zero,
// which is "UTC".
std::optional<int> FixedOffsetOf(absl::string_view name);

// The zone of a name that Zone::Load takes, for showing times in it; UTC for any other name.
absl::TimeZone ShownZone(const std::string& name);

// The UTC offsets of one zone from 1970 to the end of kCalendarYearMax.  Immutable and
// thread-safe; about 7 kB for a zone with DST.
class Zone {
 public:
  // The zone of that IANA name, or of that fixed offset (FixedOffsetOf).  INVALID_ARGUMENT on the
  // field "time_zone", with the right spelling if one can be guessed, if there is none.
  //
  // Each thread keeps the zones that it loaded, so that a million schedules share a few hundred:
  // compiling one costs ~50 us and 7 kB.  A cache common to all threads would need a mutex, which
  // this room does not have.
  static absl::StatusOr<std::shared_ptr<const Zone>> Load(const std::string& name);

  // `segments` ascend, neighbours differ in offset, and the first starts at kDistantPast.
  explicit Zone(std::vector<OffsetSegment> segments);

  const std::vector<OffsetSegment>& segments() const { return segments_; }

  // Index of the segment that holds the instant.
  size_t IndexAt(int64_t unix_seconds) const {
    size_t i = 0;
    if (unix_seconds >= 0) {
      const auto bucket = static_cast<size_t>(unix_seconds >> kBucketBits);
      i = bucket < buckets_.size() ? buckets_[bucket] : segments_.size() - 1;
    }
    while (i + 1 < segments_.size() && segments_[i + 1].start <= unix_seconds) ++i;
    return i;
  }

 private:
  // 97 days: at most a few segments begin in one bucket, and 230 years are 860 buckets.
  static constexpr int kBucketBits = 23;

  std::vector<OffsetSegment> segments_;
  std::vector<uint16_t> buckets_;  // Index of the segment at the start of each bucket.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_ZONE_H_
