#ifndef Z4J_CONSENSUS_MACHINE_CLUSTER_TIME_H_
#define Z4J_CONSENSUS_MACHINE_CLUSTER_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "services/base/mono_time.h"

// The cluster's own time: the leader stamps it on every command, applying only ever moves it
// forward, and everything that expires does so by it.  It has nothing to do with any wall clock and
// stands still while nobody leads, so that a jump or an outage ends no session (after LogCabin's
// cluster clock).
namespace z4j::consensus {

struct ClusterTime {
  uint64_t micros = 0;  // Since the cluster began.
  friend auto operator<=>(const ClusterTime&, const ClusterTime&) = default;
};

inline constexpr ClusterTime kNever = {std::numeric_limits<uint64_t>::max()};

// `duration` >= 0, infinite included.
inline ClusterTime operator+(ClusterTime time, absl::Duration duration) {
  if (duration == absl::InfiniteDuration() || time == kNever) return kNever;
  const auto micros = static_cast<uint64_t>(absl::ToInt64Microseconds(duration));
  return micros > kNever.micros - time.micros ? kNever : ClusterTime{time.micros + micros};
}

// Later - earlier; zero if it is the other way round.
inline absl::Duration operator-(ClusterTime later, ClusterTime earlier) {
  if (later <= earlier) return absl::ZeroDuration();
  const uint64_t micros = later.micros - earlier.micros;
  return micros > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
             ? absl::InfiniteDuration()
             : absl::Microseconds(static_cast<int64_t>(micros));
}

// What a leader stamps its commands with: the time that its state machine had reached when it
// applied its own first entry, plus what has passed since on its own boot-time clock.
class LeaderClock {
 public:
  LeaderClock(ClusterTime reached, MonoTime now) : reached_(reached), since_(now) {}
  ClusterTime At(MonoTime now) const {
    return now <= since_ ? reached_ : reached_ + (now - since_);
  }

 private:
  ClusterTime reached_;
  MonoTime since_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_CLUSTER_TIME_H_
