#include "services/scheduler/transfer/digest.h"

#include <openssl/sha.h>

#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/core/json_text.h"

namespace z4j::scheduler {
namespace {

// An object of what differs from the default.  Members are added in the order of their names'
// bytes.
class Differing {
 public:
  template <typename Value>
  Differing& Add(const char* name, const Value& value, const Value& otherwise) {
    return value == otherwise ? *this : Put(name, value);
  }
  template <typename Value>
  Differing& Put(absl::string_view name, const Value& value) {
    text_ += text_.empty() ? '{' : ',';
    AppendJsonText(text_, name);
    text_ += ':';
    Append(value);
    return *this;
  }
  std::string Text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  template <typename Number>
  requires std::is_enum_v<Number> || std::is_integral_v<Number>
  void Append(Number number) { absl::StrAppend(&text_, static_cast<int64_t>(number)); }
  void Append(double number) { text_ += nlohmann::json(number).dump(); }
  void Append(absl::Duration duration) { Append(absl::ToInt64Microseconds(duration)); }
  void Append(absl::Time time) { Append(absl::ToUnixMicros(time)); }
  void Append(absl::CivilDay day) { Append(absl::FormatCivilTime(day)); }
  void Append(const std::string& text) { AppendJsonText(text_, text); }
  void Append(const Differing& object) { text_ += object.Text(); }
  void Append(const std::map<std::string, std::string>& map) {
    Differing object;
    for (const auto& [key, value] : map) object.Put(key, value);
    Append(object);
  }
  void Append(const std::vector<RunEnd>& ends) {
    for (char before = '['; const RunEnd end : ends) {
      text_ += std::exchange(before, ',');
      Append(end);
    }
    text_ += ']';
  }

  std::string text_;  // Without its closing brace.
};

Differing DifferingOf(const CronSpec& s) {
  const CronSpec d;
  return Differing()
      .Add("day_match", s.day_match, d.day_match)
      .Add("day_of_month", s.day_of_month, d.day_of_month)
      .Add("day_of_week", s.day_of_week, d.day_of_week)
      .Add("expression", s.expression, d.expression)
      .Add("hour", s.hour, d.hour)
      .Add("iso_week", s.iso_week, d.iso_week)
      .Add("microsecond", s.microsecond, d.microsecond)
      .Add("minute", s.minute, d.minute)
      .Add("month", s.month, d.month)
      .Add("second", s.second, d.second)
      .Add("year", s.year, d.year);
}

Differing DifferingOf(const IntervalSpec& s) {
  return Differing()
      .Add("arithmetic", s.arithmetic, Arithmetic::kAbsolute)
      .Add("period", s.period, absl::ZeroDuration());
}

Differing DifferingOf(const OneShotSpec& s) {
  return Differing().Add("at", s.at, absl::InfinitePast());
}

Differing DifferingOf(const SolarSpec& s) {
  return Differing()
      .Put("event", s.event)
      .Put("latitude", s.latitude)
      .Put("longitude", s.longitude)
      .Add("offset", s.offset, absl::ZeroDuration());
}

Differing DifferingOf(const CalendarIntervalSpec& s) {
  return Differing()
      .Add("at_second", s.at_second, 0)
      .Add("days", s.days, 0)
      .Add("months", s.months, 0)
      .Add("start_date", s.start_date, absl::CivilDay())
      .Add("weeks", s.weeks, 0)
      .Add("years", s.years, 0);
}

// What retries of a dispatch and of a run have alike.
template <typename Retry>
void AddAttempts(Differing& out, const Retry& s, const Retry& d) {
  out.Add("initial_backoff", s.initial_backoff, d.initial_backoff)
      .Add("max_attempts", s.max_attempts, d.max_attempts)
      .Add("max_backoff", s.max_backoff, d.max_backoff);
}

Differing DifferingOf(const RetryPolicy& s) {
  Differing out;
  AddAttempts(out, s, RetryPolicy());
  return out;
}

Differing DifferingOf(const RunRetry& s) {
  const RunRetry d;
  Differing out;
  out.Add("backoff_multiplier", s.backoff_multiplier, d.backoff_multiplier);
  AddAttempts(out, s, d);
  // An empty list means FAILED, and answers spell that out.
  const std::vector<RunEnd> failed = {RunEnd::kFailed};
  if (!s.on.empty() && s.on != failed) out.Put("on", s.on);
  out.Add("on_lost", s.on_lost, d.on_lost);
  return out;
}

// Adds the spec under the name of its kind, if it is of that one.
template <typename Kind>
void PutSpec(Differing& out, const char* name, const Spec& spec) {
  if (const auto* kind = std::get_if<Kind>(&spec)) out.Put(name, DifferingOf(*kind));
}

}  // namespace

std::string DefinitionText(const Schedule& s) {
  static const Schedule& d = *new Schedule();
  Differing out;
  out.Add("adapter_labels", s.adapter_labels, d.adapter_labels)
      .Add("affinity_key", s.affinity_key, d.affinity_key)
      .Add("args_json", s.args_json, d.args_json);
  PutSpec<CalendarIntervalSpec>(out, "calendar_interval", s.spec);
  out.Add("catch_up", s.catch_up, d.catch_up)
      .Add("catch_up_max", s.catch_up_max, d.catch_up_max)
      .Add("catch_up_window", s.catch_up_window, d.catch_up_window);
  PutSpec<CronSpec>(out, "cron", s.spec);
  out.Add("description", s.description, d.description);
  if (s.end_at.has_value()) out.Put("end_at", *s.end_at);
  out.Add("engine", s.engine, d.engine)
      .Add("engine_options", s.engine_options, d.engine_options)
      .Add("expires", s.expires, d.expires)
      .Add("fold", s.fold, d.fold)
      .Add("gap", s.gap, d.gap);
  PutSpec<IntervalSpec>(out, "interval", s.spec);
  out.Add("jitter", s.jitter, d.jitter)
      .Add("jitter_mode", s.jitter_mode, d.jitter_mode)
      .Add("kwargs_json", s.kwargs_json, d.kwargs_json)
      .Add("max_fires", s.max_fires, d.max_fires);
  PutSpec<OneShotSpec>(out, "one_shot", s.spec);
  out.Add("overlap", s.overlap, d.overlap)
      .Add("priority", s.priority, d.priority)
      .Add("queue", s.queue, d.queue);
  if (s.retry != d.retry) out.Put("retry", DifferingOf(s.retry));
  if (s.run_retry.has_value()) out.Put("run_retry", DifferingOf(*s.run_retry));
  PutSpec<SolarSpec>(out, "solar", s.spec);
  if (s.start_at.has_value()) out.Put("start_at", *s.start_at);
  out.Add("task", s.task, d.task).Add("time_zone", s.time_zone, d.time_zone);
  return out.Text();
}

std::string DefinitionDigest(const Schedule& schedule) {
  return HexDigest(DefinitionText(schedule));
}

std::string HexDigest(absl::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

}  // namespace z4j::scheduler
