#include "services/scheduler/transfer/zone_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/scheduler/transfer/proof.h"

namespace z4j::scheduler {
namespace {

// More changes than that in the years that a source tells of are no zone of today.
constexpr int kChangesMax = 1000;

absl::Duration OffsetAt(const absl::TimeZone& zone, absl::Time at) {
  return absl::Seconds(zone.At(at).offset);
}

// What we have, from the first instant of `there` on.
std::vector<ZoneOffset> Ours(const std::string& name, const absl::TimeZone& zone,
                             const ZoneRules& there) {
  const absl::Time begin = there.offsets.front().from;
  std::vector<ZoneOffset> ours = {{begin, OffsetAt(zone, begin)}};
  for (const absl::Time at : NextChanges(name, begin, kChangesMax)) {
    if (at >= there.until) break;
    ours.push_back({at, OffsetAt(zone, at)});
  }
  return ours;
}

std::string UtcText(absl::Duration offset) {
  const int64_t seconds = absl::ToInt64Seconds(absl::AbsDuration(offset));
  return absl::StrFormat("UTC%c%02d:%02d", offset < absl::ZeroDuration() ? '-' : '+',
                         seconds / 3600, seconds / 60 % 60);
}

}  // namespace

std::optional<std::string> FirstOtherRule(const std::string& name, const ZoneRules& there) {
  absl::TimeZone zone;
  if (there.offsets.empty() || !absl::LoadTimeZone(name, &zone)) return std::nullopt;
  const std::vector<ZoneOffset> ours = Ours(name, zone, there);
  const auto [other, own] =
      std::mismatch(there.offsets.begin(), there.offsets.end(), ours.begin(), ours.end());
  if (other == there.offsets.end() && own == ours.end()) return std::nullopt;
  const absl::Time at_there = other == there.offsets.end() ? absl::InfiniteFuture() : other->from;
  const absl::Time at_here = own == ours.end() ? absl::InfiniteFuture() : own->from;
  const absl::Time at = std::min(at_there, at_here);
  const auto says = [at](absl::Time change, const auto& rule) {
    return change == at ? absl::StrCat("is ", UtcText(rule->offset))
                        : std::string("does not change");
  };
  return absl::StrCat(name, ": from ", LocalAndUtc(at, name), " on, the source's offset ",
                      says(at_there, other), ", and ours ", says(at_here, own));
}

}  // namespace z4j::scheduler
