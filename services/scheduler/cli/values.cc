#include "services/scheduler/cli/values.h"

#include <google/protobuf/util/time_util.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

// absl knows h, m, s, ms, us; people also write days.
bool ReadDuration(const std::string& text, absl::Duration& duration) {
  absl::Duration days = absl::ZeroDuration();
  std::string rest = text;
  if (const size_t d = text.find('d'); d != std::string::npos) {
    int64_t count = 0;
    if (!absl::SimpleAtoi(text.substr(0, d), &count) || count < 0 || count > 100'000) return false;
    days = absl::Hours(24 * count);
    rest = text.substr(d + 1);
    if (rest.empty()) rest = "0";
  }
  if (!absl::ParseDuration(rest, &duration)) return false;
  duration += days;
  return true;
}

// "CATCH_UP_" of CATCH_UP_UNSPECIFIED, which every enum has first.
std::string PrefixOf(const google::protobuf::EnumDescriptor& type) {
  return std::string(absl::StripSuffix(type.value(0)->name(), "UNSPECIFIED"));
}

}  // namespace

absl::StatusOr<google::protobuf::Duration> ParseDuration(const std::string& flag,
                                                         const std::string& text) {
  absl::Duration duration;
  if (!ReadDuration(text, duration)) {
    return FieldError(flag, absl::StrCat("'", text, "' is no duration; write 90s, 1h30m or 2d"));
  }
  return google::protobuf::util::TimeUtil::NanosecondsToDuration(
      absl::ToInt64Nanoseconds(duration));
}

absl::StatusOr<google::protobuf::Timestamp> ParseTime(const std::string& flag,
                                                      const std::string& text, absl::Time now) {
  absl::Time time;
  std::string error;
  absl::Duration distance;
  if (text == "now") {
    time = now;
  } else if ((absl::StartsWith(text, "+") || absl::StartsWith(text, "-")) &&
             ReadDuration(text.substr(1), distance)) {
    time = text[0] == '+' ? now + distance : now - distance;
  } else if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return FieldError(flag, absl::StrCat("'", text,
                                         "' is no time; write 2026-12-24T18:00:00+01:00, now, or "
                                         "a distance such as +10m"));
  }
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

absl::StatusOr<std::map<std::string, std::string>> ParsePairs(
    const std::string& flag, const std::vector<std::string>& texts) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : texts) {
    std::pair<std::string, std::string> pair = absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (pair.first.empty() || !absl::StrContains(text, "=")) {
      return FieldError(flag, absl::StrCat("'", text, "' is no pair; write key=value"));
    }
    if (!pairs.insert(pair).second) {
      return FieldError(flag, absl::StrCat("'", pair.first, "' is given twice"));
    }
  }
  return pairs;
}

absl::StatusOr<int> ParseEnum(const std::string& flag, const std::string& text,
                              const google::protobuf::EnumDescriptor& type) {
  const std::string name = absl::AsciiStrToUpper(absl::StrReplaceAll(text, {{"-", "_"}}));
  std::vector<std::string> known;
  for (int i = 1; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    if (value.name() == name || value.name() == PrefixOf(type) + name) return value.number();
    known.push_back(EnumText(type, value.number()));
  }
  return FieldError(
      flag, absl::StrCat("'", text, "' is not known; write one of ", absl::StrJoin(known, ", ")));
}

std::string EnumText(const google::protobuf::EnumDescriptor& type, int value) {
  const auto* found = type.FindValueByNumber(value);
  if (found == nullptr || value == 0) return "";
  return absl::AsciiStrToLower(absl::StripPrefix(found->name(), PrefixOf(type)));
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*SZ", ToTime(time), absl::UTCTimeZone());
}

}  // namespace z4j::scheduler
