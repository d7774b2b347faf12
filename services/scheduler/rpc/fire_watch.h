#ifndef Z4J_SCHEDULER_RPC_FIRE_WATCH_H_
#define Z4J_SCHEDULER_RPC_FIRE_WATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/rpc/fire_notes.h"
#include "services/scheduler/rpc/watch_stream.h"

namespace z4j::scheduler {

// Fires that are new or have changed.  The state of a fire changes a thousand times as often as a
// schedule and is not announced, so this reads the newest rows and sends those that differ from
// what was sent.  It follows the newest kWatchedFiresMax fires.
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
  using Place = std::pair<absl::Time, FireId>;
  struct News {
    NamedFire named;
    std::string note;
    uint64_t fingerprint = 0;
  };

  // Fires that the client does not know as they are, oldest first.
  absl::StatusOr<std::vector<News>> ReadNews();

  ScheduleStore& store_;
  Clock& clock_;
  FireNotes notes_;
  FireQuery query_;
  std::map<Place, uint64_t> sent_;  // A fingerprint of what was sent.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_FIRE_WATCH_H_
