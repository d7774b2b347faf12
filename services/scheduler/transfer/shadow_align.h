#ifndef Z4J_SCHEDULER_TRANSFER_SHADOW_ALIGN_H_
#define Z4J_SCHEDULER_TRANSFER_SHADOW_ALIGN_H_

#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace z4j::scheduler {

struct DueTime {
  absl::Time at;
  absl::Duration reach;  // A partner is at most so far away.
};

// Pairs each due time with at most one of `seen`; both ascend.  Pairs do not cross, and the sum of
// their distances and of the largest reach for each that is left alone is the least there is.
// Returns the index in `seen` for each due time, -1 for none.  Where both are so dense that this
// would take more than kShadowCellsMax steps, partners are looked for less far away.  Pure.
std::vector<int> AlignShadow(absl::Span<const DueTime> dues, absl::Span<const absl::Time> seen);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_SHADOW_ALIGN_H_
