#include "services/scheduler/core/zone.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/base/field_error.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

int64_t WallSeconds(absl::CivilSecond civil) { return civil - absl::CivilSecond(1970, 1, 1); }

// The library also takes file paths, "libc:…" and the machine's own zone by such names: none of
// them means the same on the next node.
bool IsPlausibleName(const std::string& name) {
  if (name.empty() || name.size() > kZoneNameCharsMax || !absl::ascii_isalpha(name[0])) {
    return false;
  }
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '/' && c != '_' && c != '-' && c != '+') return false;
  }
  return !absl::StartsWith(name, "right/") && !absl::StartsWith(name, "posix/") &&
         name != "localtime" && name != "posixrules" && name != "Factory";
}

// "UTC+05:30"; "UTC" for zero.
std::string FixedOffsetName(int minutes) {
  if (minutes == 0) return "UTC";
  return absl::StrFormat("UTC%c%02d:%02d", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                         std::abs(minutes) % 60);
}

// The minutes east of UTC that a person may mean by "+5", "utc+0530", "GMT-3:00" or "UTC+05:30";
// nullopt if the text says no offset.
std::optional<int> GuessedOffset(absl::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(text);
  absl::string_view rest = upper;
  if (!absl::ConsumePrefix(&rest, "UTC")) absl::ConsumePrefix(&rest, "GMT");
  if (rest.empty() || (rest[0] != '+' && rest[0] != '-')) return std::nullopt;
  const int sign = rest[0] == '-' ? -1 : 1;
  rest.remove_prefix(1);
  const size_t colon = rest.find(':');
  absl::string_view hours = rest.substr(0, colon), minutes = "0";
  if (colon != absl::string_view::npos) {
    minutes = rest.substr(colon + 1);
  } else if (rest.size() > 2) {
    hours = rest.substr(0, rest.size() - 2);
    minutes = rest.substr(rest.size() - 2);
  }
  const auto is_number = [](absl::string_view digits) {
    return !digits.empty() && digits.size() <= 2 &&
           std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
  };
  int hour = 0, minute = 0;
  if (!is_number(hours) || !is_number(minutes) || !absl::SimpleAtoi(hours, &hour) ||
      !absl::SimpleAtoi(minutes, &minute) || minute > 59) {
    return std::nullopt;
  }
  return sign * (hour * 60 + minute);
}

absl::Status NoSuchZone(const std::string& name) {
  if (const std::optional<int> minutes = GuessedOffset(name); minutes.has_value()) {
    if (std::abs(*minutes) > kFixedOffsetMinutesMax) {
      return FieldError("time_zone",
                        absl::StrCat("\"", name, "\" is further from UTC than any zone; ",
                                     "write an offset from UTC-14:00 to UTC+14:00"));
    }
    return FieldError("time_zone",
                      absl::StrCat("\"", name, "\" is not how a fixed offset is ",
                                   "written; write \"", FixedOffsetName(*minutes), "\""));
  }
  return FieldError(
      "time_zone",
      absl::StrCat("\"", name, "\" is no time zone of this machine's tzdata; write ",
                   "an IANA name such as \"Europe/Berlin\", \"UTC\", or an offset such as ",
                   "\"UTC+05:30\""));
}

std::vector<OffsetSegment> SegmentsOf(const absl::TimeZone& zone) {
  // A wall clock may show 1970 while UTC is still in 1969.
  absl::Time at = absl::UnixEpoch() - absl::Hours(48);
  const absl::Time end =
      absl::FromCivil(absl::CivilSecond(kCalendarYearMax + 1, 1, 3), absl::UTCTimeZone());
  std::vector<OffsetSegment> segments = {{kDistantPast, zone.At(at).offset}};
  absl::TimeZone::CivilTransition change;
  while (at < end && zone.NextTransition(at, &change)) {
    const int64_t start = WallSeconds(change.from) - segments.back().offset;
    const int64_t offset = WallSeconds(change.to) - start;
    // Some changes concern the abbreviation alone.
    if (offset != segments.back().offset) segments.push_back({start, offset});
    at = absl::FromUnixSeconds(start);
  }
  segments.shrink_to_fit();
  return segments;
}

}  // namespace

std::optional<int> FixedOffsetOf(absl::string_view name) {
  const std::optional<int> minutes = GuessedOffset(name);
  if (!minutes.has_value() || *minutes == 0 || std::abs(*minutes) > kFixedOffsetMinutesMax ||
      FixedOffsetName(*minutes) != name) {
    return std::nullopt;
  }
  return *minutes * 60;
}

absl::TimeZone ShownZone(const std::string& name) {
  if (const std::optional<int> offset = FixedOffsetOf(name)) return absl::FixedTimeZone(*offset);
  absl::TimeZone zone = absl::UTCTimeZone();
  if (IsPlausibleName(name)) absl::LoadTimeZone(name, &zone);  // Sets it to UTC if there is none.
  return zone;
}

Zone::Zone(std::vector<OffsetSegment> segments) : segments_(std::move(segments)) {
  const int64_t last = segments_.back().start;
  for (int64_t t = 0; t <= last; t += int64_t{1} << kBucketBits) {
    size_t i = buckets_.empty() ? 0 : buckets_.back();
    while (i + 1 < segments_.size() && segments_[i + 1].start <= t) ++i;
    buckets_.push_back(static_cast<uint16_t>(i));
  }
  buckets_.shrink_to_fit();
}

absl::StatusOr<std::shared_ptr<const Zone>> Zone::Load(const std::string& name) {
  static thread_local absl::flat_hash_map<std::string, std::shared_ptr<const Zone>> loaded;
  const auto found = loaded.find(name);
  if (found != loaded.end()) return found->second;

  if (name.empty()) {
    return FieldError("time_zone",
                      "is required; name an IANA zone such as \"Europe/Berlin\" or \"UTC\"");
  }
  absl::TimeZone zone;
  if (const std::optional<int> offset = FixedOffsetOf(name); offset.has_value()) {
    zone = absl::FixedTimeZone(*offset);
  } else if (!IsPlausibleName(name) || !absl::LoadTimeZone(name, &zone)) {
    return NoSuchZone(name);
  }
  auto compiled = std::make_shared<const Zone>(SegmentsOf(zone));
  loaded[name] = compiled;
  return compiled;
}

}  // namespace z4j::scheduler
