#include "services/scheduler/transfer/digest.h"

#include <openssl/sha.h>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

int64_t Text(absl::Duration duration) { return absl::ToInt64Microseconds(duration); }
int64_t Text(absl::Time time) { return absl::ToUnixMicros(time); }
std::string Text(absl::CivilDay day) { return absl::FormatCivilTime(day); }
template <typename Plain>
const Plain& Text(const Plain& value) {
  return value;
}

// Collects what differs from the default.
class Differing {
 public:
  template <typename Value>
  Differing& Add(const char* name, const Value& value, const Value& otherwise) {
    if (value == otherwise) return *this;
    if constexpr (std::is_enum_v<Value>) {
      json_[name] = static_cast<int>(value);
    } else {
      json_[name] = Text(value);
    }
    return *this;
  }
  void Put(const char* name, Json value) { json_[name] = std::move(value); }
  Json Take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

Json JsonOf(const CronSpec& s) {
  const CronSpec d;
  return Differing()
      .Add("expression", s.expression, d.expression)
      .Add("second", s.second, d.second)
      .Add("minute", s.minute, d.minute)
      .Add("hour", s.hour, d.hour)
      .Add("day_of_month", s.day_of_month, d.day_of_month)
      .Add("month", s.month, d.month)
      .Add("day_of_week", s.day_of_week, d.day_of_week)
      .Add("year", s.year, d.year)
      .Add("iso_week", s.iso_week, d.iso_week)
      .Add("day_match", s.day_match, d.day_match)
      .Add("microsecond", s.microsecond, d.microsecond)
      .Take();
}

Json JsonOf(const IntervalSpec& s) {
  return Differing()
      .Add("period", s.period, absl::ZeroDuration())
      .Add("arithmetic", s.arithmetic, Arithmetic::kAbsolute)
      .Take();
}

Json JsonOf(const OneShotSpec& s) {
  return Differing().Add("at", s.at, absl::InfinitePast()).Take();
}

Json JsonOf(const SolarSpec& s) {
  Json json = Differing().Add("offset", s.offset, absl::ZeroDuration()).Take();
  json["event"] = static_cast<int>(s.event);
  json["latitude"] = s.latitude;
  json["longitude"] = s.longitude;
  return json;
}

Json JsonOf(const CalendarIntervalSpec& s) {
  return Differing()
      .Add("years", s.years, 0)
      .Add("months", s.months, 0)
      .Add("weeks", s.weeks, 0)
      .Add("days", s.days, 0)
      .Add("at_second", s.at_second, 0)
      .Add("start_date", s.start_date, absl::CivilDay())
      .Take();
}

Json JsonOf(const RetryPolicy& s) {
  const RetryPolicy d;
  return Differing()
      .Add("max_attempts", s.max_attempts, d.max_attempts)
      .Add("initial_backoff", s.initial_backoff, d.initial_backoff)
      .Add("max_backoff", s.max_backoff, d.max_backoff)
      .Take();
}

Json JsonOf(const RunRetry& s) {
  const RunRetry d;
  Differing out;
  out.Add("max_attempts", s.max_attempts, d.max_attempts)
      .Add("initial_backoff", s.initial_backoff, d.initial_backoff)
      .Add("backoff_multiplier", s.backoff_multiplier, d.backoff_multiplier)
      .Add("max_backoff", s.max_backoff, d.max_backoff)
      .Add("on_lost", s.on_lost, d.on_lost);
  // An empty list means FAILED, and answers spell that out.
  const std::vector<RunEnd> failed = {RunEnd::kFailed};
  if (!s.on.empty() && s.on != failed) {
    Json on = Json::array();
    for (const RunEnd end : s.on) on.push_back(static_cast<int>(end));
    out.Put("on", std::move(on));
  }
  return out.Take();
}

}  // namespace

std::string DefinitionText(const Schedule& s) {
  const Schedule d;
  Differing out;
  out.Add("description", s.description, d.description)
      .Add("engine", s.engine, d.engine)
      .Add("task", s.task, d.task)
      .Add("args_json", s.args_json, d.args_json)
      .Add("kwargs_json", s.kwargs_json, d.kwargs_json)
      .Add("queue", s.queue, d.queue)
      .Add("priority", s.priority, d.priority)
      .Add("expires", s.expires, d.expires)
      .Add("engine_options", s.engine_options, d.engine_options)
      .Add("time_zone", s.time_zone, d.time_zone)
      .Add("gap", s.gap, d.gap)
      .Add("fold", s.fold, d.fold)
      .Add("catch_up", s.catch_up, d.catch_up)
      .Add("catch_up_window", s.catch_up_window, d.catch_up_window)
      .Add("catch_up_max", s.catch_up_max, d.catch_up_max)
      .Add("overlap", s.overlap, d.overlap)
      .Add("max_fires", s.max_fires, d.max_fires)
      .Add("jitter", s.jitter, d.jitter)
      .Add("jitter_mode", s.jitter_mode, d.jitter_mode)
      .Add("adapter_labels", s.adapter_labels, d.adapter_labels)
      .Add("affinity_key", s.affinity_key, d.affinity_key);
  if (s.start_at.has_value()) out.Put("start_at", Text(*s.start_at));
  if (s.end_at.has_value()) out.Put("end_at", Text(*s.end_at));
  if (s.retry != d.retry) out.Put("retry", JsonOf(s.retry));
  if (s.run_retry.has_value()) out.Put("run_retry", JsonOf(*s.run_retry));
  // By name: the order of the kinds is nobody's promise.
  std::visit(
      [&out](const auto& spec) {
        using Kind = std::decay_t<decltype(spec)>;
        const char* name = std::is_same_v<Kind, CronSpec>       ? "cron"
                           : std::is_same_v<Kind, IntervalSpec> ? "interval"
                           : std::is_same_v<Kind, OneShotSpec>  ? "one_shot"
                           : std::is_same_v<Kind, SolarSpec>    ? "solar"
                                                                : "calendar_interval";
        out.Put(name, JsonOf(spec));
      },
      s.spec);
  return out.Take().dump(-1, ' ', false, Json::error_handler_t::replace);
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
