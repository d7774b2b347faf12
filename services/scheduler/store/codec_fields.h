#ifndef Z4J_SCHEDULER_STORE_CODEC_FIELDS_H_
#define Z4J_SCHEDULER_STORE_CODEC_FIELDS_H_

#include <concepts>
#include <type_traits>

#include "services/scheduler/core/schedule.h"
#include "services/scheduler/store/codec_words.h"

// codec.cc's own: the keys of each object.  Keys are stored; never change or reuse one.
namespace z4j::scheduler::codec {

template <typename S, typename T>
concept Is = std::same_as<std::remove_const_t<S>, T>;
template <typename T>
concept Enum = std::is_enum_v<T>;
// What is written as an object of its own.
template <typename T>
concept Nested = Is<T, RetryPolicy> || Is<T, RunRetry> || Is<T, ImportSource> || Is<T, Pause>;

// The fields, named once for writing and reading, in the order in which they are stored: that of
// the bytes of their keys.  `V` is a Writer or a Reader, `S` const or not.
template <typename V, Is<CronSpec> S>
void Visit(V& v, S& cron) {
  v("day_match", cron.day_match);
  v("day_of_month", cron.day_of_month);
  v("day_of_week", cron.day_of_week);
  v("expression", cron.expression);
  v("hour", cron.hour);
  v("iso_week", cron.iso_week);
  v("kind", KindWord(cron));
  v("microsecond", cron.microsecond);
  v("minute", cron.minute);
  v("month", cron.month);
  v("second", cron.second);
  v("year", cron.year);
}

template <typename V, Is<IntervalSpec> S>
void Visit(V& v, S& interval) {
  v("anchor", interval.anchor);
  v("arithmetic", interval.arithmetic);
  v("kind", KindWord(interval));
  v("period", interval.period);
}

template <typename V, Is<OneShotSpec> S>
void Visit(V& v, S& one_shot) {
  v("at", one_shot.at);
  v("kind", KindWord(one_shot));
}

template <typename V, Is<SolarSpec> S>
void Visit(V& v, S& solar) {
  v("event", solar.event);
  v("kind", KindWord(solar));
  v("latitude", solar.latitude);
  v("longitude", solar.longitude);
  v("offset", solar.offset);
}

template <typename V, Is<CalendarIntervalSpec> S>
void Visit(V& v, S& calendar) {
  v("at_second", calendar.at_second);
  v("days", calendar.days);
  v("kind", KindWord(calendar));
  v("months", calendar.months);
  v("start_date", calendar.start_date);
  v("weeks", calendar.weeks);
  v("years", calendar.years);
}

template <typename V, Is<RetryPolicy> S>
void Visit(V& v, S& retry) {
  v("initial_backoff", retry.initial_backoff);
  v("max_attempts", retry.max_attempts);
  v("max_backoff", retry.max_backoff);
}

template <typename V, Is<RunRetry> S>
void Visit(V& v, S& retry) {
  v("backoff_multiplier", retry.backoff_multiplier);
  v("initial_backoff", retry.initial_backoff);
  v("max_attempts", retry.max_attempts);
  v("max_backoff", retry.max_backoff);
  v("on", retry.on);
  v("on_lost", retry.on_lost);
}

template <typename V, Is<Pause> S>
void Visit(V& v, S& pause) {
  v("actor", pause.actor);
  v("reason", pause.reason);
  v("since", pause.since);
  v("until", pause.until);
}

template <typename V, Is<ImportSource> S>
void Visit(V& v, S& source) {
  v("digest", source.digest);
  v("import_id", source.import_id);
  v("key", source.key);
  v("kind", source.kind);
  v("locator", source.locator);
  v("raw", source.raw);
  v("version", source.version);
}

template <typename V, Is<Schedule> S>
void Visit(V& v, S& s) {
  v("adapter_labels", s.adapter_labels);
  v("affinity_key", s.affinity_key);
  v("args_json", s.args_json);
  v("catch_up", s.catch_up);
  v("catch_up_max", s.catch_up_max);
  v("catch_up_window", s.catch_up_window);
  v("created_at", s.created_at);
  v("description", s.description);
  v("end_at", s.end_at);
  v("engine", s.engine);
  v("engine_options", s.engine_options);
  v("expires", s.expires);
  v("fold", s.fold);
  v("gap", s.gap);
  v("id", s.id);
  v("jitter", s.jitter);
  v("jitter_mode", s.jitter_mode);
  v("kwargs_json", s.kwargs_json);
  v("labels", s.labels);
  v("max_fires", s.max_fires);
  v("name", s.name);
  v("overlap", s.overlap);
  v("pause", s.pause);
  v("priority", s.priority);
  v("project", s.project);
  v("queue", s.queue);
  v("retry", s.retry);
  v("revision", s.revision);
  v("run_retry", s.run_retry);
  v("source", s.source);
  v("spec", s.spec);
  v("start_at", s.start_at);
  v("state", s.state);
  v("state_reason", s.state_reason);
  v("task", s.task);
  v("time_zone", s.time_zone);
  v("updated_at", s.updated_at);
}

}  // namespace z4j::scheduler::codec

#endif  // Z4J_SCHEDULER_STORE_CODEC_FIELDS_H_
