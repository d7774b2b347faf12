#include "services/scheduler/cli/schedule_flags.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/values.h"

namespace z4j::scheduler {
namespace {

struct Flag {
  const char* flag;
  const char* path;  // Field of v1::Schedule; its type says how the text is read.
  const char* help;
};

// Each of these alone chooses the kind of schedule.
constexpr const char* kKinds[] = {"--cron", "--interval", "--at", "--solar"};

constexpr Flag kWhen[] = {
    {"--cron", "spec.cron.expression", "Cron: 5 fields, 6 with seconds first, or @daily …"},
    {"--day-match", "spec.cron.day_match", "Day-of-month with day-of-week: or (default), and"},
    {"--interval", "spec.interval.period", "Fire once per such period: 30s, 1h30m, 2d"},
    {"--anchor", "spec.interval.anchor_time", "Where the interval's grid starts; creation"},
    {"--arithmetic", "spec.interval.arithmetic", "absolute (default), or wall: keep wall time"},
    {"--at", "spec.one_shot.fire_time", "Fire once at this time: RFC 3339, or +10m"},
    {"--solar", "spec.solar.event", "Event of the sun: sunrise, sunset, dawn-civil, solar-noon …"},
    {"--latitude", "spec.solar.latitude", "Degrees north, with --solar"},
    {"--longitude", "spec.solar.longitude", "Degrees east, with --solar"},
    {"--offset", "spec.solar.offset", "Added to the solar event: 30m, -30m"},
    {"--time-zone,-z", "time_zone", "IANA zone such as Europe/Berlin; needed for --cron"},
    {"--gap", "gap", "Wall time that DST removes: next-valid (default), shift, skip"},
    {"--fold", "fold", "Wall time that DST repeats: auto (default), first, second, both"},
    {"--start", "start_time", "First instant at which it may fire"},
    {"--end", "end_time", "Last instant at which it may fire"},
    {"--max-fires", "max_fires", "Finish after so many fires"},
};

constexpr Flag kWhat[] = {
    {"--engine,-e", "engine", "Engine that runs it: celery, …"},
    {"--task,-t", "task", "The engine's name of the task"},
    {"--args", "args_json", "Positional arguments: a JSON array"},
    {"--kwargs", "kwargs_json", "Keyword arguments: a JSON object"},
    {"--queue", "queue", "Queue; default: the engine's"},
    {"--priority", "priority", "-100 (last) .. 100 (first)"},
    {"--expires", "expires", "Drop a fire not started so long after its due time"},
    {"--affinity-key", "affinity_key", "Fires of all schedules with this key go to one adapter"},
    {"--description", "description", "For people"},
};

constexpr Flag kPolicies[] = {
    {"--catch-up", "catch_up", "After an outage: skip, fire-one (default), fire-all"},
    {"--catch-up-window", "catch_up_window", "How old a caught-up fire may be; 1h"},
    {"--catch-up-max", "catch_up_max", "fire-all fires at most so many; 100"},
    {"--overlap", "overlap", "While a run goes on: allow (default), skip, buffer-one"},
    {"--jitter", "jitter", "Dispatch up to so much later than due"},
    {"--jitter-mode", "jitter_mode", "random (default) or hash"},
    {"--max-attempts", "retry.max_attempts", "Dispatch attempts; 0 (default): until it expires"},
    {"--initial-backoff", "retry.initial_backoff", "Before the second attempt; 1s"},
    {"--max-backoff", "retry.max_backoff", "Between attempts at most; 1m"},
    {"--run-attempts", "run_retry.max_attempts",
     "Runs in all if they end badly; 0 (default), 1: one"},
    {"--run-initial-backoff", "run_retry.initial_backoff", "Before the second run; 10s"},
    {"--run-backoff-multiplier", "run_retry.backoff_multiplier", "Of each wait over the last; 2"},
    {"--run-max-backoff", "run_retry.max_backoff", "Between runs at most; 1h"},
    {"--run-retry-on", "run_retry.on",
     "Ends to repeat: failed (default), expired-in-queue; or a,b"},
    {"--on-lost", "run_retry.on_lost", "A run whose worker vanished: hold (default), retry, fail"},
};

// "--cron" of "--time-zone,-z".
std::string LongName(const Flag& flag) {
  return std::pair<std::string, std::string>(absl::StrSplit(flag.flag, ',')).first;
}

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Reads `text` as the type of `field` says.
absl::Status SetField(const std::string& flag, const std::string& text, absl::Time now,
                      const FieldDescriptor& field, Message& message) {
  const auto& reflection = *message.GetReflection();
  const auto not_a_number = [&] {
    return FieldError(flag, absl::StrCat("'", text, "' is no number"));
  };
  if (field.is_repeated()) {  // Enums alone.
    for (const absl::string_view word : absl::StrSplit(text, ',')) {
      ASSIGN_OR_RETURN(const int value, ParseEnum(flag, std::string(word), *field.enum_type()));
      reflection.AddEnumValue(&message, &field, value);
    }
    return absl::OkStatus();
  }
  int64_t integer = 0;
  double real = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      reflection.SetString(&message, &field, text);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM: {
      ASSIGN_OR_RETURN(const int value, ParseEnum(flag, text, *field.enum_type()));
      reflection.SetEnumValue(&message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT32:
      if (!absl::SimpleAtoi(text, &integer) || integer != int32_t(integer)) return not_a_number();
      reflection.SetInt32(&message, &field, int32_t(integer));
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT64:
      if (!absl::SimpleAtoi(text, &integer)) return not_a_number();
      reflection.SetInt64(&message, &field, integer);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!absl::SimpleAtod(text, &real)) return not_a_number();
      reflection.SetDouble(&message, &field, real);
      return absl::OkStatus();
    default:
      break;
  }
  Message& value = *reflection.MutableMessage(&message, &field);
  if (field.message_type()->full_name() == "google.protobuf.Duration") {
    ASSIGN_OR_RETURN(const auto duration, ParseDuration(flag, text));
    value.CopyFrom(duration);
  } else {
    ASSIGN_OR_RETURN(const auto time, ParseTime(flag, text, now));
    value.CopyFrom(time);
  }
  return absl::OkStatus();
}

// Writes the field at `path`, "spec.cron.expression", making what is on the way.
absl::Status SetPath(const std::string& flag, const std::string& text, absl::Time now,
                     const std::string& path, Message& root) {
  Message* message = &root;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0;; ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(names[i]);
    if (i + 1 == names.size()) return SetField(flag, text, now, *field, *message);
    message = message->GetReflection()->MutableMessage(message, field);
  }
}

// The path that UpdateSchedule's mask takes: a spec or a policy is replaced as a whole.
std::string MaskPath(const std::string& path) { return path.substr(0, path.find('.')); }

}  // namespace

void ScheduleFlags::AddTo(CLI::App& verb, bool spec_only) {
  verb_ = &verb;
  const auto add = [&](const auto& flags, const char* group) {
    for (const Flag& flag : flags) {
      verb.add_option(flag.flag, texts_[LongName(flag)], flag.help)->group(group);
    }
  };
  add(kWhen, "When");
  if (spec_only) return;
  add(kWhat, "What");
  verb.add_option("--option", options_, "Engine option, name=JSON; repeatable")->group("What");
  verb.add_option("--adapter-label", adapter_labels_,
                  "Label that an adapter needs to take its fires, key=value; repeatable")
      ->group("What");
  verb.add_option("--label", labels_, "Label, key=value; repeatable")->group("What");
  add(kPolicies, "Policies");
}

absl::Status ScheduleFlags::Fill(absl::Time now, v1::Schedule& schedule,
                                 std::vector<std::string>& mask) const {
  const auto kinds = std::count_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const char* kind) { return Given(kind); });
  if (kinds > 1) {
    return FieldError("--cron", "give one of --cron, --interval, --at and --solar, not several");
  }
  const auto fill = [&](const auto& flags) -> absl::Status {
    for (const Flag& flag : flags) {
      const std::string name = LongName(flag);
      if (!texts_.contains(name) || !Given(name)) continue;
      RETURN_IF_ERROR(SetPath(name, texts_.at(name), now, flag.path, schedule));
      const std::string path = MaskPath(flag.path);
      if (std::find(mask.begin(), mask.end(), path) == mask.end()) mask.push_back(path);
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(fill(kWhen));
  RETURN_IF_ERROR(fill(kWhat));
  RETURN_IF_ERROR(fill(kPolicies));
  if (kinds == 0 && schedule.has_spec()) {
    return FieldError("--cron",
                      "--day-match, --anchor, --latitude and the like say more about "
                      "--cron, --interval or --solar: give that too");
  }
  const auto fill_map = [&](const char* flag, const std::vector<std::string>& texts,
                            const char* path, auto* map) -> absl::Status {
    if (texts.empty()) return absl::OkStatus();
    mask.push_back(path);
    ASSIGN_OR_RETURN(const auto pairs, ParsePairs(flag, texts));
    map->insert(pairs.begin(), pairs.end());
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(
      fill_map("--option", options_, "engine_options", schedule.mutable_engine_options()));
  RETURN_IF_ERROR(fill_map("--adapter-label", adapter_labels_, "adapter_labels",
                           schedule.mutable_adapter_labels()));
  RETURN_IF_ERROR(fill_map("--label", labels_, "labels", schedule.mutable_labels()));
  return absl::OkStatus();
}

}  // namespace z4j::scheduler
