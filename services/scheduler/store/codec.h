#ifndef Z4J_SCHEDULER_STORE_CODEC_H_
#define Z4J_SCHEDULER_STORE_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

// How values are written in every store, whatever the database.  Pure.
namespace z4j::scheduler {

// `schedule` as one line of canonical JSON, for the `definition` column and the audit entries:
//
//   * keys in byte order, no whitespace, UTF-8 unescaped (bytes that are no UTF-8 become U+FFFD;
//     validation lets none through);
//   * times and durations are whole microseconds, since 1970 UTC or as such; a time without an end
//     is the text "infinite_past" or "infinite_future"; a date is a text "2026-12-31";
//   * enums are lower-case words ("next_valid"), ids 36 characters, args_json and the like texts;
//   * a text, map, number, duration or optional that is empty or zero is left out, anything else
//     is written, also where it is the default: a default that changes later changes no stored
//     schedule.
//
// The same schedule gives the same bytes for ever: MACs stand over them.
std::string EncodeSchedule(const Schedule& schedule);

// The inverse, exact for times and durations of whole microseconds.  DATA_LOSS, naming the key, if
// `text` is anything that EncodeSchedule does not write, such as an unknown key.
absl::StatusOr<Schedule> DecodeSchedule(absl::string_view text);

// "cron", "interval", "one_shot", "solar" or "calendar_interval".
absl::string_view KindOf(const Spec& spec);

// Times in integer columns: microseconds since 1970 UTC, rounded down; the two infinities are the
// least and the greatest number.
int64_t ToMicros(absl::Time time);
absl::Time FromMicros(int64_t micros);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_CODEC_H_
