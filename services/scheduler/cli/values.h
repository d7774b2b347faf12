#ifndef Z4J_SCHEDULER_CLI_VALUES_H_
#define Z4J_SCHEDULER_CLI_VALUES_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

// Values as people write them on a command line.  Every function answers INVALID_ARGUMENT naming
// `flag` with what to write instead.
namespace z4j::scheduler {

// "90s", "1h30m", "2d", "250ms".
absl::StatusOr<google::protobuf::Duration> ParseDuration(const std::string& flag,
                                                         const std::string& text);

// RFC 3339 ("2026-12-24T18:00:00+01:00"), "now", or a distance from now ("+10m", "-1h").
absl::StatusOr<google::protobuf::Timestamp> ParseTime(const std::string& flag,
                                                      const std::string& text, absl::Time now);

// "key=value", each key once.
absl::StatusOr<std::map<std::string, std::string>> ParsePairs(
    const std::string& flag, const std::vector<std::string>& texts);

// The number of the enum value whose name is `text` in any case, with or without the enum's
// prefix: "fire-one" for CATCH_UP_FIRE_ONE.
absl::StatusOr<int> ParseEnum(const std::string& flag, const std::string& text,
                              const google::protobuf::EnumDescriptor& type);

// "fire_one" for CATCH_UP_FIRE_ONE: the name without the enum's prefix, in lower case.
std::string EnumText(const google::protobuf::EnumDescriptor& type, int value);

absl::Time ToTime(const google::protobuf::Timestamp& time);
std::string TimeText(const google::protobuf::Timestamp& time);  // UTC, to the second or finer.

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_VALUES_H_
