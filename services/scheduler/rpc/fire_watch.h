#ifndef Z4J_SCHEDULER_RPC_FIRE_WATCH_H_
#define Z4J_SCHEDULER_RPC_FIRE_WATCH_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "services/scheduler/rpc/context.h"
#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/rpc/fire_notes.h"
#include "services/scheduler/rpc/watch_stream.h"
#include "services/scheduler/store/fire_changes.h"

namespace z4j::scheduler {

// The fires there are, and then every one that is written: what the feed says since a position
// that was taken before the first was read, so that there is no gap.  What it remembers of those
// that were sent only spares the client repetitions: the newest kWatchedFiresMax.
//
// What is said of the outcome of a fire may change without a write (FireNotes).  So those that had
// not ended when they were sent are looked at in turn, kWatchedPerRead every kWatchedNotesEvery.
class FireWatch final : public WatchSource<v1::WatchFiresResponse> {
 public:
  // `query` says project, schedule and from when on; `resume_token` may be empty.
  FireWatch(RpcContext& rpc, FireQuery query, std::string resume_token);

  absl::StatusOr<bool> Next(v1::WatchFiresResponse* out) override;

 private:
  static constexpr FireKey kOldest = {{}, absl::InfinitePast(), {}};
  // Sends fires, until a message is full.
  class Filler;

  absl::StatusOr<bool> NextOfThoseThereAre(v1::WatchFiresResponse* out);
  // Takes what the feed has into todo_; false if that is nothing.
  absl::StatusOr<bool> ReadFeed();
  absl::Status SendWritten(Filler& filler);
  absl::Status SendNotes(MonoTime now, Filler& filler);
  bool Selects(const FireKey& key) const;

  RpcContext& rpc_;
  FireNotes notes_;
  FireQuery query_;       // Its `after`: how far those there are have been sent.
  std::string position_;  // All that was written before has been sent; empty: not begun.
  bool all_there_;        // Those there were have been sent.
  std::string next_;      // The position once todo_ is empty.
  std::deque<FireKey> todo_;
  absl::flat_hash_set<ScheduleId> foreign_;  // Schedules of other projects.

  absl::flat_hash_map<FireKey, uint64_t> sent_;  // By a fingerprint of what was sent;
  std::deque<FireKey> sent_order_;               // oldest first.
  std::map<FireKey, uint64_t, decltype(&KeyLess)> open_{&KeyLess};  // Those that had not ended.
  FireKey looked_to_ = kOldest;                                     // Of open_, in the last round.
  MonoTime next_notes_, next_token_;
  std::string last_token_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_FIRE_WATCH_H_
