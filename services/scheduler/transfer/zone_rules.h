#ifndef Z4J_SCHEDULER_TRANSFER_ZONE_RULES_H_
#define Z4J_SCHEDULER_TRANSFER_ZONE_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace z4j::scheduler {

// From an instant on, a zone is so far ahead of UTC.
struct ZoneOffset {
  absl::Time from;
  absl::Duration offset;

  friend bool operator==(const ZoneOffset&, const ZoneOffset&) = default;
};

// The rules of a zone as another program has them.
struct ZoneRules {
  std::vector<ZoneOffset> offsets;  // Ascending; the first one holds at its `from` and before.
  absl::Time until;                 // All changes before that are among them.
};

// In words for people, the first instant at which our own data of the zone say something else than
// `there`: "Europe/Berlin: from 2027-03-28 … on, the source's offset is …, and ours …".  Nothing if
// they agree up to `until`, or if we do not have the zone, which is validation's to say.  Pure, but
// for the zone data.
std::optional<std::string> FirstOtherRule(const std::string& zone, const ZoneRules& there);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_ZONE_RULES_H_
