#include "services/scheduler/core/outage.h"

#include <algorithm>

#include "services/scheduler/limits.h"

namespace z4j::scheduler {

void AddOutage(std::vector<Outage>& outages, absl::Time from, absl::Time to) {
  for (Outage& outage : outages) outage.to = std::min(outage.to, to);
  std::erase_if(outages, [](const Outage& outage) { return outage.to <= outage.from; });
  if (!outages.empty() && from <= outages.back().to) {
    outages.back().to = to;  // The leader between the two was gone before it did anything.
    return;
  }
  if (to - from <= kOnTimeGrace) return;
  outages.push_back({from, to});
  if (outages.size() <= kOutagesMax) return;
  size_t closest = 1;
  for (size_t i = 2; i < outages.size(); ++i) {
    if (outages[i].from - outages[i - 1].to < outages[closest].from - outages[closest - 1].to) {
      closest = i;
    }
  }
  outages[closest - 1].to = outages[closest].to;
  outages.erase(outages.begin() + closest);
}

}  // namespace z4j::scheduler
