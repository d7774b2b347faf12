#ifndef Z4J_CONSENSUS_NODE_MEASURES_H_
#define Z4J_CONSENSUS_NODE_MEASURES_H_

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/base/mono_time.h"

// What a node measures about itself.  Not thread-safe.
namespace z4j::consensus {

// The last durations of something.
class RecentDurations {
 public:
  static constexpr size_t kKept = 512;  // Seconds of a busy disk; enough for a 99th percentile.

  void Add(absl::Duration duration);
  // The smallest one that `percent` of them do not exceed; zero if there are none.
  absl::Duration Percentile(int percent) const;

 private:
  std::vector<absl::Duration> kept_;
  size_t next_ = 0;  // The oldest, once kKept are there.
};

// The longest of what happened within the last minute.
class LongestOfMinute {
 public:
  void Add(MonoTime now, absl::Duration duration);
  absl::Duration At(MonoTime now) const;

 private:
  std::deque<std::pair<MonoTime, absl::Duration>> falling_;  // Each is longer than all after it.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_MEASURES_H_
