#ifndef Z4J_SCHEDULER_RPC_FIRE_WATCH_H_
#define Z4J_SCHEDULER_RPC_FIRE_WATCH_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/rpc/fire_notes.h"
#include "services/scheduler/rpc/watch_stream.h"
#include "services/scheduler/store/fire_changes.h"

namespace z4j::scheduler {

// Fires that are new or have changed.  The state of a fire changes a thousand times as often as a
// schedule and is not announced, so this reads the newest rows and those that had not ended when
// they were sent, and sends what differs from what was sent.  It remembers the newest
// kWatchedFiresMax fires, and as many that have not ended however old they are; of the latter it
// looks at kWatchedPerRead in one round.  A fire that is decided after more than kWatchedPerRead
// others with later due times may be missed.
class FireWatch final : public WatchSource<v1::WatchFiresResponse> {
 public:
  // `query` says project, schedule and from when on.
  FireWatch(ScheduleStore& store, ClusterView& cluster, Clock& clock, FireQuery query)
      : store_(store),
        clock_(clock),
        notes_(store, cluster, clock.Now()),
        query_(std::move(query)) {}

  absl::StatusOr<bool> Next(v1::WatchFiresResponse* out) override;

 private:
  static constexpr FireKey kOldest = {{}, absl::InfinitePast(), {}};
  // By a fingerprint of what was sent, oldest first.
  using Sent = std::map<FireKey, uint64_t, decltype(&KeyLess)>;
  // What the client does not know as it is.
  struct News {
    NamedFire named;
    std::string note;
    uint64_t fingerprint = 0;
  };

  // The oldest fires that the client does not know as they are, newest first, as many as a message
  // holds; `read_to` is how far back it has looked.
  absl::StatusOr<std::deque<News>> ReadNewest(FireKey& read_to);
  // Those that had not ended, stand before `read_to` and have changed, oldest first.
  absl::StatusOr<std::deque<News>> ReadOpen(const FireKey& read_to);
  News Look(NamedFire named);
  void Remember(const News& news);

  ScheduleStore& store_;
  Clock& clock_;
  FireNotes notes_;
  FireQuery query_;
  Sent sent_{&KeyLess};          // The newest.
  Sent open_{&KeyLess};          // Those that had not ended.
  FireKey looked_to_ = kOldest;  // Of open_, in the round before.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_FIRE_WATCH_H_
