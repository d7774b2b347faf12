#include "services/scheduler/core/validate.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// Goes through a schedule and notes every fault.
class Validator {
 public:
  Validator(const Schedule& schedule, absl::Time now) : s_(schedule), now_(now) {}

  std::vector<FieldViolation> Run() {
    CheckNames();
    CheckTask();
    CheckEngineOptions();
    CheckLabels("labels", s_.labels);
    CheckLabels("adapter_labels", s_.adapter_labels);
    AddFault("affinity_key", Quoted(s_.affinity_key),
             CheckText(s_.affinity_key, 0, kLabelCharsMax, TextShape::kOneLine));
    CheckPolicies();
    CheckRetry();
    if (s_.run_retry.has_value()) CheckRunRetry(*s_.run_retry);
    CheckLifetime();
    CheckSpec();
    return std::move(violations_);
  }

 private:
  void Add(absl::string_view field, std::string description) {
    violations_.push_back({std::string(field), std::move(description)});
  }
  // Notes what a rule of text_rules.h found, if anything.
  void AddFault(absl::string_view field, absl::string_view value, const std::string& fault) {
    if (!fault.empty()) Add(field, absl::StrCat(value, " ", fault));
  }

  void CheckNames() {
    if (const std::string& p = s_.project; p.empty() || p.size() > kProjectCharsMax ||
                                           !HasOnly(p, "-", false) ||
                                           !absl::ascii_isalpha(p.front()) || p.back() == '-') {
      Add("project", absl::StrCat(Quoted(p), " is no project name; write 1 to ", kProjectCharsMax,
                                  " lower-case letters, digits and hyphens, a letter first and no "
                                  "hyphen last"));
    }
    if (const std::string& n = s_.name; n.empty() || n.size() > kNameCharsMax ||
                                        !HasOnly(n, "-_.:", true) ||
                                        !absl::ascii_isalnum(n.front())) {
      Add("name", absl::StrCat(Quoted(n), " (", n.size(),
                               " bytes) is no schedule name; write 1 to ", kNameCharsMax,
                               " letters, digits and any of - _ . : and begin with "
                               "a letter or digit; what does not fit belongs in the description"));
    }
    AddFault("description", "the text",
             CheckText(s_.description, 0, kDescriptionCharsMax, TextShape::kProse));
  }

  void CheckTask() {
    if (const std::string& e = s_.engine;
        e.empty() || e.size() > kEngineCharsMax || !HasOnly(e, "-_", false)) {
      Add("engine", absl::StrCat(Quoted(e), " is no engine name; write 1 to ", kEngineCharsMax,
                                 " lower-case letters, digits, hyphens and underscores, such as "
                                 "\"celery\""));
    }
    AddFault("task", Quoted(s_.task), CheckText(s_.task, 1, kTaskCharsMax, TextShape::kOneLine));
    AddFault("args_json", Quoted(s_.args_json),
             CheckJson(s_.args_json, JsonShape::kArray, kPayloadBytesMax));
    AddFault("kwargs_json", Quoted(s_.kwargs_json),
             CheckJson(s_.kwargs_json, JsonShape::kObject, kPayloadBytesMax));
    AddFault("queue", Quoted(s_.queue), CheckText(s_.queue, 0, kNameCharsMax, TextShape::kOneLine));
    CheckNumber("priority", s_.priority, -kPriorityMax, kPriorityMax);
    CheckDuration("expires", s_.expires, absl::ZeroDuration(), kExpiresMax);
  }

  void CheckEngineOptions() {
    CheckCount("engine_options", s_.engine_options.size(), kEngineOptionsMax);
    for (const auto& [key, value] : s_.engine_options) {
      const std::string field = absl::StrCat("engine_options[", Quoted(key), "]");
      AddFault(field, Quoted(key), CheckKey(key));
      AddFault(field, Quoted(value), CheckJson(value, JsonShape::kAny, kEngineOptionBytesMax));
    }
  }

  void CheckLabels(absl::string_view name, const std::map<std::string, std::string>& labels) {
    CheckCount(name, labels.size(), kLabelsMax);
    for (const auto& [key, value] : labels) {
      const std::string field = absl::StrCat(name, "[", Quoted(key), "]");
      AddFault(field, Quoted(key), CheckKey(key));
      AddFault(field, Quoted(value), CheckText(value, 0, kLabelCharsMax, TextShape::kOneLine));
    }
  }

  void CheckPolicies() {
    CheckEnum("gap", s_.gap, GapPolicy::kNextValid, GapPolicy::kSkip);
    CheckEnum("fold", s_.fold, FoldPolicy::kAuto, FoldPolicy::kBoth);
    CheckEnum("catch_up", s_.catch_up, CatchUp::kSkip, CatchUp::kFireAll);
    CheckEnum("overlap", s_.overlap, Overlap::kAllow, Overlap::kBufferOne);
    CheckEnum("jitter_mode", s_.jitter_mode, JitterMode::kRandom, JitterMode::kHash);
    CheckDuration("catch_up_window", s_.catch_up_window, absl::ZeroDuration(), kCatchUpWindowMax);
    CheckNumber("catch_up_max", s_.catch_up_max, 1, kCatchUpMax);
    CheckDuration("jitter", s_.jitter, absl::ZeroDuration(), kJitterMax);
    if (s_.max_fires < 0) {
      Add("max_fires", absl::StrCat(s_.max_fires, " is negative; write 0 for no end"));
    }
    if (s_.pause.has_value()) {
      AddFault("pause.reason", Quoted(s_.pause->reason),
               CheckText(s_.pause->reason, 0, kDescriptionCharsMax, TextShape::kProse));
    }
  }

  void CheckRetry() {
    CheckNumber("retry.max_attempts", s_.retry.max_attempts, 0, kRetryAttemptsMax);
    const bool is_initial_fine = CheckDuration("retry.initial_backoff", s_.retry.initial_backoff,
                                               kRetryBackoffMin, kRetryBackoffMax);
    if (CheckDuration("retry.max_backoff", s_.retry.max_backoff, kRetryBackoffMin,
                      kRetryBackoffMax) &&
        is_initial_fine && s_.retry.max_backoff < s_.retry.initial_backoff) {
      Add("retry.max_backoff",
          absl::StrCat(absl::FormatDuration(s_.retry.max_backoff),
                       " is less than initial_backoff (",
                       absl::FormatDuration(s_.retry.initial_backoff), "); raise it to that"));
    }
  }

  void CheckRunRetry(const RunRetry& retry) {
    CheckNumber("run_retry.max_attempts", retry.max_attempts, 0, kRunAttemptsMax);
    const bool is_initial_fine = CheckDuration("run_retry.initial_backoff", retry.initial_backoff,
                                               kRunBackoffMin, kRunBackoffMax);
    if (CheckDuration("run_retry.max_backoff", retry.max_backoff, kRunBackoffMin, kRunBackoffMax) &&
        is_initial_fine && retry.max_backoff < retry.initial_backoff) {
      Add("run_retry.max_backoff",
          absl::StrCat(absl::FormatDuration(retry.max_backoff), " is less than initial_backoff (",
                       absl::FormatDuration(retry.initial_backoff), "); raise it to that"));
    }
    // Written so that it refuses what is no number.
    if (!(1 <= retry.backoff_multiplier && retry.backoff_multiplier <= kRunBackoffMultiplierMax)) {
      Add("run_retry.backoff_multiplier",
          absl::StrCat(retry.backoff_multiplier, " is out of range; write 1 to ",
                       kRunBackoffMultiplierMax));
    }
    for (size_t i = 0; i < retry.on.size(); ++i) {
      const std::string field = absl::StrCat("run_retry.on[", i, "]");
      CheckEnum(field, retry.on[i], RunEnd::kFailed, RunEnd::kExpiredInQueue);
      if (std::find(retry.on.begin(), retry.on.begin() + i, retry.on[i]) != retry.on.begin() + i) {
        Add(field, absl::StrCat(static_cast<int>(retry.on[i]), " is named twice; leave one out"));
      }
    }
    CheckEnum("run_retry.on_lost", retry.on_lost, OnLost::kHold, OnLost::kFail);
  }

  void CheckLifetime() {
    if (s_.start_at.has_value()) CheckTime("start_at", *s_.start_at);
    if (s_.end_at.has_value()) CheckTime("end_at", *s_.end_at);
    if (s_.start_at.has_value() && s_.end_at.has_value() && *s_.end_at < *s_.start_at) {
      Add("end_at", absl::StrCat(Text(*s_.end_at), *s_.end_at < now_ ? " (in the past)" : "",
                                 " is before start_at ", Text(*s_.start_at),
                                 "; it could never fire: choose a later end"));
    }
    const auto* one_shot = std::get_if<OneShotSpec>(&s_.spec);
    if (one_shot == nullptr) return;
    if (s_.start_at.has_value() && one_shot->at < *s_.start_at) {
      Add("spec.one_shot.at",
          absl::StrCat(Text(one_shot->at), " is before start_at ", Text(*s_.start_at),
                       "; it could never fire: leave start_at out"));
    }
    if (s_.end_at.has_value() && one_shot->at > *s_.end_at) {
      Add("spec.one_shot.at",
          absl::StrCat(Text(one_shot->at), " is after end_at ", Text(*s_.end_at),
                       "; it could never fire: leave end_at out"));
    }
  }

  // What only the evaluator can tell.  A bad zone does not hide what is wrong with the spec.
  void CheckSpec() {
    if (const auto* cron = std::get_if<CronSpec>(&s_.spec)) {
      CheckEnum("spec.cron.day_match", cron->day_match, DayMatch::kOr, DayMatch::kAnd);
    } else if (const auto* interval = std::get_if<IntervalSpec>(&s_.spec)) {
      CheckEnum("spec.interval.arithmetic", interval->arithmetic, Arithmetic::kAbsolute,
                Arithmetic::kWall);
    }
    absl::Status status = CompileRecurrence(s_).status();
    AddAll(status);
    if (!FieldViolationsOf(status).empty() &&
        FieldViolationsOf(status).front().field == "time_zone") {
      Schedule in_utc = s_;
      in_utc.time_zone = "UTC";
      AddAll(CompileRecurrence(in_utc).status());
    }
  }
  void AddAll(const absl::Status& status) {
    for (FieldViolation& v : FieldViolationsOf(status)) violations_.push_back(std::move(v));
  }

  void CheckCount(absl::string_view field, size_t count, int max) {
    if (count <= max) return;
    Add(field, absl::StrCat("has ", count, " entries; at most ", max, " are allowed"));
  }

  void CheckNumber(absl::string_view field, int value, int min, int max) {
    if (min <= value && value <= max) return;
    Add(field, absl::StrCat(value, " is out of range; write ", min, " to ", max));
  }

  bool CheckDuration(absl::string_view field, absl::Duration value, absl::Duration min,
                     absl::Duration max) {
    if (value < min || value > max) {
      Add(field, absl::StrCat(absl::FormatDuration(value), " is out of range; write ",
                              absl::FormatDuration(min), " to ", absl::FormatDuration(max)));
      return false;
    }
    if (value % absl::Microseconds(1) != absl::ZeroDuration()) {
      Add(field, absl::StrCat(absl::FormatDuration(value),
                              " is finer than a microsecond; round it to one"));
      return false;
    }
    return true;
  }

  void CheckTime(absl::string_view field, absl::Time value) {
    const int64_t year = absl::ToCivilYear(value, absl::UTCTimeZone()).year();
    if (year < kCalendarYearMin || year > kCalendarYearMax) {
      Add(field, absl::StrCat(Text(value), " is out of range; write a time from ", kCalendarYearMin,
                              " to ", kCalendarYearMax));
    } else if (absl::FromUnixMicros(absl::ToUnixMicros(value)) != value) {
      Add(field, absl::StrCat(Text(value), " is finer than a microsecond; round it to one"));
    }
  }

  template <typename Enum>
  void CheckEnum(absl::string_view field, Enum value, Enum first, Enum last) {
    if (first <= value && value <= last) return;
    Add(field, absl::StrCat(static_cast<int>(value), " is no value of this enum; write ",
                            static_cast<int>(first), " to ", static_cast<int>(last),
                            " or the value's name"));
  }

  static std::string Text(absl::Time time) {
    return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
  }

  const Schedule& s_;
  const absl::Time now_;
  std::vector<FieldViolation> violations_;
};

}  // namespace

absl::Status ValidateSchedule(const Schedule& schedule, absl::Time now) {
  std::vector<FieldViolation> violations = Validator(schedule, now).Run();
  return violations.empty() ? absl::OkStatus() : FieldError(std::move(violations));
}

}  // namespace z4j::scheduler
