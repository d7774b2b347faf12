#ifndef Z4J_SCHEDULER_METRICS_H_
#define Z4J_SCHEDULER_METRICS_H_

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/scheduler/core/fire.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace z4j::scheduler {

// Of the schedules in each of these there is a gauge.
inline constexpr ScheduleState kStatesCounted[] = {
    ScheduleState::kEnabled, ScheduleState::kPaused, ScheduleState::kFinished,
    ScheduleState::kQuarantined, ScheduleState::kShadow};

// What the scheduler tells Prometheus, under "z4j_scheduler_".  Every label set is bounded; those
// known beforehand exist from the start, so that a rate over them is right from the first event.
// Thread-safe.
class SchedulerMetrics {
 public:
  explicit SchedulerMetrics(prometheus::Registry& registry);  // Outlives this.

  // --- The loop ---
  void SetLeader(bool leader, int64_t term);
  void TurnTook(absl::Duration duration);
  // From when this node saw its term to when it "decides", or "dispatches" as well.
  void TookOver(const char* until, absl::Duration duration);
  // A store call and whether it succeeded; `op` is one of the names in metrics.cc.
  void StoreCall(const char* op, absl::Duration duration, bool ok);
  void SetSchedules(ScheduleState state, int64_t count);
  void Fired(FireState outcome, FireReason reason, int64_t count = 1);

  // Ends of runs that brought a retry.
  void RunsRetried(int64_t count);

  // --- Dispatch ---
  // From when a fire was to be dispatched to when the broker had it.
  void Dispatched(const std::string& engine, FireKind kind, absl::Duration lateness);
  void DispatchRetried(const std::string& engine);
  void DispatchRejected(const std::string& engine);
  void SetInFlight(const std::string& engine, int64_t count);
  // Fires that wait in memory, and the due time of the oldest; InfiniteFuture: none.
  void SetBacklog(int64_t count, absl::Time oldest);

 private:
  // The label value for an engine: its name, or "other" once there are kEngineLabelsMax.
  std::string EngineLabel(const std::string& engine) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  prometheus::Family<prometheus::Histogram>* lateness_;
  prometheus::Family<prometheus::Counter>* fires_;
  prometheus::Family<prometheus::Histogram>* takeover_seconds_;
  prometheus::Family<prometheus::Histogram>* store_seconds_;
  prometheus::Family<prometheus::Counter>* store_errors_;
  prometheus::Family<prometheus::Gauge>* schedules_;
  prometheus::Family<prometheus::Counter>* retries_;
  prometheus::Family<prometheus::Counter>* rejections_;
  prometheus::Family<prometheus::Gauge>* in_flight_;
  prometheus::Counter* runs_retried_;
  prometheus::Histogram* turn_seconds_;
  prometheus::Gauge* leader_;
  prometheus::Gauge* term_;
  prometheus::Gauge* backlog_;
  prometheus::Gauge* oldest_;

  absl::Mutex mu_;
  // Children of the families above, so that the hot path does not build label maps.
  std::map<std::string, std::string> engines_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<std::string, FireKind>, prometheus::Histogram*> lateness_of_
      ABSL_GUARDED_BY(mu_);
  std::map<std::pair<FireState, FireReason>, prometheus::Counter*> fires_of_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_METRICS_H_
