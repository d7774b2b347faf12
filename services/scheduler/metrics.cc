#include "services/scheduler/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// 1 ms .. 1 h: a fire may wait for a broker that is down.
const Buckets kLateness = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                           1,     2.5,    5,     10,   30,    60,   300, 900,  3600};
const Buckets kCalls = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                        0.05,   0.1,     0.25,   0.5,   1,      2.5,   5};
constexpr const char* kStoreOps[] = {
    "raise_fence", "load_schedules", "load_pending", "load_open", "list_changes",
    "get_cursors", "commit_fires",   "update_fires", "mark_live", "prune"};

const char* NameOf(FireKind kind) {
  switch (kind) {
    case FireKind::kScheduled:
      return "scheduled";
    case FireKind::kCatchUp:
      return "catch_up";
    case FireKind::kManual:
      return "manual";
    case FireKind::kBackfill:
      return "backfill";
    case FireKind::kRetry:
      return "retry";
  }
  return "scheduled";
}

const char* NameOf(FireState state) {
  switch (state) {
    case FireState::kPending:
      return "decided";
    case FireState::kDispatched:
      return "dispatched";
    case FireState::kRunning:
      return "running";
    case FireState::kSucceeded:
      return "succeeded";
    case FireState::kFailed:
      return "failed";
    case FireState::kCancelled:
      return "cancelled";
    case FireState::kLost:
      return "lost";
    case FireState::kSkipped:
      return "skipped";
  }
  return "decided";
}

const char* NameOf(FireReason reason) {
  constexpr const char* kNames[] = {"none",        "paused",           "catch_up_policy",
                                    "overlap",     "no_adapter",       "expired",
                                    "edited",      "deleted",          "engine_unavailable",
                                    "rejected",    "task_failed",      "user_cancelled",
                                    "worker_lost", "expired_in_queue", "shadow"};
  const auto index = static_cast<size_t>(reason);
  return index < std::size(kNames) ? kNames[index] : "none";
}

const char* NameOf(ScheduleState state) {
  switch (state) {
    case ScheduleState::kEnabled:
      return "enabled";
    case ScheduleState::kPaused:
      return "paused";
    case ScheduleState::kFinished:
      return "finished";
    case ScheduleState::kQuarantined:
      return "quarantined";
    case ScheduleState::kShadow:
      return "shadow";
  }
  return "enabled";
}

template <typename Builder>
auto& Make(Builder builder, const char* name, const char* help, prometheus::Registry& registry) {
  return builder.Name(std::string("z4j_scheduler_") + name).Help(help).Register(registry);
}

}  // namespace

SchedulerMetrics::SchedulerMetrics(prometheus::Registry& registry) {
  using prometheus::BuildCounter;
  using prometheus::BuildGauge;
  using prometheus::BuildHistogram;
  lateness_ = &Make(BuildHistogram(), "fire_lateness_seconds",
                    "From when a fire was to be dispatched to when the broker had it.", registry);
  fires_ = &Make(BuildCounter(), "fires_total",
                 "Fires that reached a state: decided, dispatched, skipped, …", registry);
  store_seconds_ = &Make(BuildHistogram(), "store_query_duration_seconds",
                         "Time that a call of the store took.", registry);
  store_errors_ = &Make(BuildCounter(), "store_errors_total", "Store calls that failed.", registry);
  schedules_ = &Make(BuildGauge(), "schedules", "Schedules that the leader holds.", registry);
  retries_ = &Make(BuildCounter(), "dispatch_retries_total", "Hand-overs that will be tried again.",
                   registry);
  rejections_ = &Make(BuildCounter(), "dispatch_errors_total",
                      "Hand-overs that the engine refused for ever.", registry);
  in_flight_ = &Make(BuildGauge(), "dispatch_inflight", "Fires sent to adapters and not answered.",
                     registry);
  runs_retried_ = &Make(BuildCounter(), "runs_retried_total",
                        "Runs that ended badly and that the scheduler repeats.", registry)
                       .Add({});
  turn_seconds_ = &Make(BuildHistogram(), "tick_duration_seconds",
                        "Time that a turn of the fire loop took.", registry)
                       .Add({}, kCalls);
  takeover_seconds_ = &Make(BuildHistogram(), "takeover_seconds",
                            "From when a node saw that it leads to when it decides fires, and to "
                            "when it dispatches them.",
                            registry);
  leader_ = &Make(BuildGauge(), "leader", "1 on the node that ticks.", registry).Add({});
  term_ = &Make(BuildGauge(), "leader_term", "Fencing token of this node's last term.", registry)
               .Add({});
  backlog_ = &Make(BuildGauge(), "due_backlog", "Fires that wait for dispatch.", registry).Add({});
  oldest_ = &Make(BuildGauge(), "oldest_due_timestamp_seconds",
                  "Due time of the oldest fire that waits; 0: none.", registry)
                 .Add({});
  for (const char* until : {"decides", "dispatches"}) {
    takeover_seconds_->Add({{"until", until}}, kCalls);
  }
  for (const char* op : kStoreOps) {
    store_seconds_->Add({{"op", op}}, kCalls);
    store_errors_->Add({{"op", op}});
  }
  for (const ScheduleState state : kStatesCounted) SetSchedules(state, 0);
  for (const FireState state :
       {FireState::kPending, FireState::kDispatched, FireState::kSucceeded}) {
    Fired(state, FireReason::kNone, 0);
  }
  Fired(FireState::kFailed, FireReason::kRejected, 0);
  for (const FireReason reason :
       {FireReason::kPaused, FireReason::kCatchUpPolicy, FireReason::kOverlap,
        FireReason::kNoAdapter, FireReason::kExpired, FireReason::kShadow}) {
    Fired(FireState::kSkipped, reason, 0);
  }
}

std::string SchedulerMetrics::EngineLabel(const std::string& engine) {
  const auto [found, inserted] = engines_.try_emplace(engine, engine);
  if (inserted && engines_.size() > kEngineLabelsMax) {
    engines_.erase(found);
    return "other";
  }
  return found->second;
}

void SchedulerMetrics::SetLeader(bool leader, int64_t term) {
  leader_->Set(leader ? 1 : 0);
  if (leader) term_->Set(static_cast<double>(term));
}

void SchedulerMetrics::TurnTook(absl::Duration duration) {
  turn_seconds_->Observe(absl::ToDoubleSeconds(duration));
}

void SchedulerMetrics::TookOver(const char* until, absl::Duration duration) {
  takeover_seconds_->Add({{"until", until}}, kCalls).Observe(absl::ToDoubleSeconds(duration));
}

void SchedulerMetrics::StoreCall(const char* op, absl::Duration duration, bool ok) {
  store_seconds_->Add({{"op", op}}, kCalls).Observe(absl::ToDoubleSeconds(duration));
  if (!ok) store_errors_->Add({{"op", op}}).Increment();
}

void SchedulerMetrics::SetSchedules(ScheduleState state, int64_t count) {
  schedules_->Add({{"state", NameOf(state)}}).Set(static_cast<double>(count));
}

void SchedulerMetrics::Fired(FireState outcome, FireReason reason, int64_t count) {
  absl::MutexLock lock(&mu_);
  prometheus::Counter*& counter = fires_of_[{outcome, reason}];
  if (counter == nullptr) {
    counter = &fires_->Add({{"outcome", NameOf(outcome)}, {"reason", NameOf(reason)}});
  }
  counter->Increment(static_cast<double>(count));
}

void SchedulerMetrics::RunsRetried(int64_t count) {
  runs_retried_->Increment(static_cast<double>(count));
}

void SchedulerMetrics::Dispatched(const std::string& engine, FireKind kind,
                                  absl::Duration lateness) {
  absl::MutexLock lock(&mu_);
  const std::string label = EngineLabel(engine);
  prometheus::Histogram*& histogram = lateness_of_[{label, kind}];
  if (histogram == nullptr) {
    histogram = &lateness_->Add({{"engine", label}, {"origin", NameOf(kind)}}, kLateness);
  }
  histogram->Observe(absl::ToDoubleSeconds(lateness));
}

void SchedulerMetrics::DispatchRetried(const std::string& engine) {
  absl::MutexLock lock(&mu_);
  retries_->Add({{"engine", EngineLabel(engine)}}).Increment();
}

void SchedulerMetrics::DispatchRejected(const std::string& engine) {
  absl::MutexLock lock(&mu_);
  rejections_->Add({{"engine", EngineLabel(engine)}}).Increment();
}

void SchedulerMetrics::SetInFlight(const std::string& engine, int64_t count) {
  absl::MutexLock lock(&mu_);
  in_flight_->Add({{"engine", EngineLabel(engine)}}).Set(static_cast<double>(count));
}

void SchedulerMetrics::SetBacklog(int64_t count, absl::Time oldest) {
  backlog_->Set(static_cast<double>(count));
  oldest_->Set(
      oldest == absl::InfiniteFuture() ? 0 : absl::ToDoubleSeconds(oldest - absl::UnixEpoch()));
}

}  // namespace z4j::scheduler
