#ifndef Z4J_SCHEDULER_STORE_CODEC_FIELDS_H_
#define Z4J_SCHEDULER_STORE_CODEC_FIELDS_H_

#include <concepts>
#include <type_traits>

#include "services/scheduler/core/schedule.h"

// codec.cc's own: the keys of each object.  Keys are stored; never change or reuse one.
namespace z4j::scheduler::codec {

template <typename S, typename T>
concept Is = std::same_as<std::remove_const_t<S>, T>;

// The fields, named once for writing and reading: `V` is a Writer or a Reader, `S` const or not.
template <typename V, Is<CronSpec> S>
void Visit(V& v, S& cron) {
  v("expression", cron.expression);
  v("second", cron.second);
  v("minute", cron.minute);
  v("hour", cron.hour);
  v("day_of_month", cron.day_of_month);
  v("month", cron.month);
  v("day_of_week", cron.day_of_week);
  v("year", cron.year);
  v("iso_week", cron.iso_week);
  v("day_match", cron.day_match);
}

template <typename V, Is<IntervalSpec> S>
void Visit(V& v, S& interval) {
  v("period", interval.period);
  v("anchor", interval.anchor);
  v("arithmetic", interval.arithmetic);
}

template <typename V, Is<OneShotSpec> S>
void Visit(V& v, S& one_shot) {
  v("at", one_shot.at);
}

template <typename V, Is<SolarSpec> S>
void Visit(V& v, S& solar) {
  v("event", solar.event);
  v("latitude", solar.latitude);
  v("longitude", solar.longitude);
  v("offset", solar.offset);
}

template <typename V, Is<CalendarIntervalSpec> S>
void Visit(V& v, S& calendar) {
  v("years", calendar.years);
  v("months", calendar.months);
  v("weeks", calendar.weeks);
  v("days", calendar.days);
  v("at_second", calendar.at_second);
}

template <typename V, Is<RetryPolicy> S>
void Visit(V& v, S& retry) {
  v("max_attempts", retry.max_attempts);
  v("initial_backoff", retry.initial_backoff);
  v("max_backoff", retry.max_backoff);
}

template <typename V, Is<RunRetry> S>
void Visit(V& v, S& retry) {
  v("max_attempts", retry.max_attempts);
  v("initial_backoff", retry.initial_backoff);
  v("backoff_multiplier", retry.backoff_multiplier);
  v("max_backoff", retry.max_backoff);
  v("on", retry.on);
  v("on_lost", retry.on_lost);
}

template <typename V, Is<Pause> S>
void Visit(V& v, S& pause) {
  v("reason", pause.reason);
  v("actor", pause.actor);
  v("since", pause.since);
  v("until", pause.until);
}

template <typename V, Is<Schedule> S>
void Visit(V& v, S& s) {
  v("id", s.id);
  v("project", s.project);
  v("name", s.name);
  v("description", s.description);
  v("engine", s.engine);
  v("task", s.task);
  v("args_json", s.args_json);
  v("kwargs_json", s.kwargs_json);
  v("queue", s.queue);
  v("priority", s.priority);
  v("expires", s.expires);
  v("engine_options", s.engine_options);
  v("adapter_labels", s.adapter_labels);
  v("affinity_key", s.affinity_key);
  v("spec", s.spec);
  v("time_zone", s.time_zone);
  v("gap", s.gap);
  v("fold", s.fold);
  v("catch_up", s.catch_up);
  v("catch_up_window", s.catch_up_window);
  v("catch_up_max", s.catch_up_max);
  v("overlap", s.overlap);
  v("start_at", s.start_at);
  v("end_at", s.end_at);
  v("max_fires", s.max_fires);
  v("jitter", s.jitter);
  v("jitter_mode", s.jitter_mode);
  v("retry", s.retry);
  v("run_retry", s.run_retry);
  v("labels", s.labels);
  v("state", s.state);
  v("pause", s.pause);
  v("state_reason", s.state_reason);
  v("created_at", s.created_at);
  v("updated_at", s.updated_at);
  v("revision", s.revision);
}

}  // namespace z4j::scheduler::codec

#endif  // Z4J_SCHEDULER_STORE_CODEC_FIELDS_H_
