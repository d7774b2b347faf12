#ifndef Z4J_SCHEDULER_CORE_CRON_FIELD_H_
#define Z4J_SCHEDULER_CORE_CRON_FIELD_H_

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/core/cron_parse.h"

// One field of a cron spec; cron_parse puts the fields together.
namespace z4j::scheduler {

enum CronField {
  kSecond,
  kMinute,
  kHour,
  kDay,
  kMonth,
  kWeekday,
  kYear,
  kIsoWeek,
  kCronFieldCount
};

struct CronFieldRule {
  const char* name;  // As in the path and in messages.
  int low, high;
  bool wraps;  // "22-2" goes on at `low` after `high`.
};

inline constexpr CronFieldRule kCronFieldRules[kCronFieldCount] = {
    {"second", 0, 59, true},
    {"minute", 0, 59, true},
    {"hour", 0, 23, true},
    {"day_of_month", 1, 31, true},
    {"month", 1, 12, true},
    {"day_of_week", 0, 6, true},
    {"year", kCalendarYearMin, kCalendarYearMax, false},
    {"iso_week", 1, 53, true}};

// A piece of text and where it stands, counted from 1, in what the user wrote.
struct Token {
  absl::string_view text;
  size_t position;
};

// The text of each field; "*" ("0" for the second) for one that is not given.
using CronTexts = std::array<Token, kCronFieldCount>;

// Takes the spec apart, without looking into the fields; the texts are views of `spec` or of
// literals.  INVALID_ARGUMENT on "spec.cron.expression" or "spec.cron" if there are not the right
// fields.
absl::StatusOr<CronTexts> CronTextsOf(const CronSpec& spec);

// What one field admits.
struct CronFieldValues {
  std::bitset<kCalendarYearMax - kCalendarYearMin + 1> values;  // Bit 0 is the rule's `low`.
  bool has_star = false;  // "*", "?" or "*/1" among its terms.
  bool has_step = false;

  // Bit n stands for value n; not for years.
  uint64_t Mask(const CronFieldRule& rule) const;
};

// Reads `text` into `values`, and special terms of the day fields ("L", "15W", "5#2") into `cron`.
// INVALID_ARGUMENT on the field `path`, for the first bad term.
absl::Status ParseCronField(CronField field, const std::string& path, Token text,
                            CronFieldValues* values, CronFields* cron);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_CRON_FIELD_H_
