#ifndef Z4J_SCHEDULER_STORE_POSTGRES_PARTITIONS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_PARTITIONS_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/scheduler/store/postgres/pq.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// The daily partitions of the table `fires`: fires_20260329 holds what is due on that day UTC.
// What has no partition lives in fires_default, so that a missing one loses nothing.  Thread-safe.
class Partitions {
 public:
  // Makes the partitions from yesterday to in three days, by the database's clock, where they are
  // missing.  A day is passed over for now if fires_default holds rows of it, or if the locks are
  // not to be had at once: writers must not wait.  Does nothing if it was done within the hour.
  absl::Status MakeComingDays(pq::Connection& connection) ABSL_LOCKS_EXCLUDED(mu_);

  // Drops one partition whose whole day lies before `before` and in which every fire is final;
  // returns how many rows went.  0: there is none, or the locks are not to be had.  Looking is a
  // read of whole days, so that one with open fires is looked at once an hour.
  absl::StatusOr<int64_t> DropOne(pq::Connection& connection, FencingToken token, absl::Time before)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  MonoTime look_again_ ABSL_GUARDED_BY(mu_);
  MonoTime made_ ABSL_GUARDED_BY(mu_) = {absl::InfiniteDuration() * -1};
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_PARTITIONS_H_
