#ifndef Z4J_SCHEDULER_STORE_WRITTEN_POSITION_H_
#define Z4J_SCHEDULER_STORE_WRITTEN_POSITION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Positions of ScheduleStore::ListWritten for stores whose writers run one after the other: there
// the order of the numbers is that of the commits.  Pure.
namespace z4j::scheduler {

std::string WrittenPosition(int64_t number);
absl::StatusOr<int64_t> ParseWrittenPosition(const std::string& text);  // INVALID_ARGUMENT

// For every store: what a position is answered with that is none, and one that is too old.
absl::Status NoWrittenPosition();
absl::Status WrittenTooOld();

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_WRITTEN_POSITION_H_
