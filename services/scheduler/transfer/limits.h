#ifndef Z4J_SCHEDULER_TRANSFER_LIMITS_H_
#define Z4J_SCHEDULER_TRANSFER_LIMITS_H_

#include "absl/time/time.h"

// Every bound of imports and exports, each with its reason; ../limits.h has the scheduler's.
namespace z4j::scheduler {

// One line of a source's reader: the largest schedule, its raw form and kProveMax fires fit in.
inline constexpr int kImportLineBytesMax = 4 * 1024 * 1024;
inline constexpr int kImportSchedulesMax = 1'000'000;  // ~3 KB each while they are planned.
inline constexpr int kImportIdCharsMax = 60;           // With a hash it is a request id.
inline constexpr int kProveMax = 10'000;               // Years of most schedules.
inline constexpr int kProveUsually = 100;              // Months of most; a second for thousands.
// Times that a source is read again, to be proved across changes of the clock: America, Europe and
// the south of the world have different days, two a year each.
inline constexpr int kImportPassesMax = 8;
inline constexpr int kImportCallsInFlight = 32;   // Single removals; the server groups them.
inline constexpr int kImportBatchesInFlight = 2;  // One is parsed while another one is written.
// Times that an export is written anew without what differed: once, unless one schedule there
// depends on another.
inline constexpr int kExportPassesMax = 8;
// A chunk that found nobody, or a full server, is sent again with its id for so long.
inline constexpr absl::Duration kImportRetryFor = absl::Seconds(60);

// Steps to compare the fires of schedules that run the same: a byte each.
inline constexpr int kShadowCellsMax = 50'000'000;
inline constexpr int kShadowJobsMax = 5'000'000;  // Seen in one shadow run; ~200 bytes each.

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_LIMITS_H_
