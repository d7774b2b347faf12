#ifndef Z4J_SCHEDULER_RPC_SCHEDULE_WATCH_H_
#define Z4J_SCHEDULER_RPC_SCHEDULE_WATCH_H_

#include <string>

#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/rpc/watch_stream.h"

namespace z4j::scheduler {

// Everything there is that matches `query` (unless `after_revision` is set), then the changes.
class ScheduleWatch final : public WatchSource<v1::WatchSchedulesResponse> {
 public:
  ScheduleWatch(ScheduleStore& store, ScheduleQuery query, int64_t after_revision)
      : store_(store),
        query_(std::move(query)),
        revision_(after_revision),
        snapshot_(after_revision == 0) {}

  absl::StatusOr<bool> Next(v1::WatchSchedulesResponse* out) override;

 private:
  absl::StatusOr<bool> NextOfSnapshot(v1::WatchSchedulesResponse* out);
  // False if it is about another project.
  bool AddChange(const ScheduleChange& change, v1::WatchSchedulesResponse* out);

  ScheduleStore& store_;
  ScheduleQuery query_;  // Its `after`: how far the snapshot is.
  int64_t revision_;     // Sent up to here.
  bool snapshot_;        // It is not complete yet.
  bool begun_ = false;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_SCHEDULE_WATCH_H_
