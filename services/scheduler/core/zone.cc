#include "services/scheduler/core/zone.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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
  if (!IsPlausibleName(name) || !absl::LoadTimeZone(name, &zone)) {
    return FieldError(
        "time_zone", absl::StrCat("\"", name, "\" is no time zone of this machine's tzdata; write ",
                                  "an IANA name such as \"Europe/Berlin\" or \"UTC\""));
  }
  auto compiled = std::make_shared<const Zone>(SegmentsOf(zone));
  loaded[name] = compiled;
  return compiled;
}

}  // namespace z4j::scheduler
