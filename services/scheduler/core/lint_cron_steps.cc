#include <bit>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/scheduler/core/cron_field.h"
#include "services/scheduler/core/lint_rules.h"

namespace z4j::scheduler {
namespace {

// Bits low, low + step, … up to high.
uint64_t Stepped(int low, int high, int step) {
  uint64_t bits = 0;
  for (int n = low; n <= high; n += step) bits |= uint64_t{1} << n;
  return bits;
}

// The n of "*/n" among the terms of a field; 0 if there is none.
int StepIn(absl::string_view text) {
  for (absl::string_view term : absl::StrSplit(text, ',')) {
    int step = 0;
    if (absl::ConsumePrefix(&term, "*/") && absl::SimpleAtoi(term, &step)) return step;
  }
  return 0;
}

bool HasStep(const std::string& raw, int step) {
  const std::string term = absl::StrCat("*/", step);
  for (size_t at = raw.find(term); at != std::string::npos; at = raw.find(term, at + 1)) {
    const size_t end = at + term.size();
    if (end == raw.size() || !absl::ascii_isdigit(raw[end])) return true;
  }
  return false;
}

// The step that a list of values stands for: at least three that cover the field, or what `raw`
// says.  0 if there is none.
int StepOf(uint64_t values, int low, int high, const std::string& raw) {
  const int size = high - low + 1;
  for (int step = 2; step <= size; ++step) {
    if (values != Stepped(low, high, step)) continue;
    if (std::popcount(values) >= 3 || HasStep(raw, step)) return step;
  }
  return 0;
}

std::string ListText(uint64_t values) {
  std::string text;
  for (int listed = 0; values != 0; values &= values - 1, ++listed) {
    if (listed == 3 && std::popcount(values) > 1) {
      const int last = 63 - std::countl_zero(values);
      return absl::StrCat(text, ", …, ", last);
    }
    absl::StrAppend(&text, listed == 0 ? "" : ", ", std::countr_zero(values));
  }
  return text;
}

struct Rule {
  CronField field;
  const char* unit;      // "45 minutes"
  const char* whole;     // What the field is a part of.
  const char* interval;  // Spaces them evenly.
};
constexpr Rule kRules[] = {{kSecond, "seconds", "minute", "an interval"},
                           {kMinute, "minutes", "hour", "an interval"},
                           {kHour, "hours", "day", "an interval"},
                           {kDay, "days", "month", "a calendar interval"},
                           {kMonth, "months", "year", "a calendar interval"},
                           {kWeekday, "days", "week", "a calendar interval"}};

void LintField(const CronSpec& cron, const Rule& rule, int step, uint64_t values,
               LintNotes* notes) {
  const auto& [name, low, high, wraps] = kCronFieldRules[rule.field];
  const int size = high - low + 1;
  const std::string evenly =
      absl::StrCat("for every ", step, " ", rule.unit, " write ", rule.interval);
  if (step >= size) {
    notes->push_back({"STEP_TOO_LARGE", CronPath(cron, name),
                      absl::StrCat("*/", step, " is ", low, " alone: once in each ", rule.whole),
                      absl::StrCat("write ", low, " to say so; ", evenly)});
    return;
  }
  // Months have no common length, and 7 has no divisor.
  const bool is_even = rule.field != kDay && size % step == 0;
  if (is_even) return;
  notes->push_back({"UNEVEN_STEP", CronPath(cron, name),
                    absl::StrCat("a step of ", step, " begins anew with each ", rule.whole, ": ",
                                 rule.unit, " ", ListText(values), ", then ", low, " again"),
                    evenly});
}

}  // namespace

void LintCronSteps(const CronSpec& cron, const std::string& raw, LintNotes* notes) {
  const auto texts = CronTextsOf(cron);
  if (!texts.ok()) return;
  for (const Rule& rule : kRules) {
    const Token token = (*texts)[rule.field];
    CronFieldValues values;
    CronFields specials;
    if (!ParseCronField(rule.field, "", token, &values, &specials).ok()) continue;
    const auto& [name, low, high, wraps] = kCronFieldRules[rule.field];
    const uint64_t mask = values.Mask(kCronFieldRules[rule.field]);
    int step = StepIn(token.text);
    if (step < 2) step = StepOf(mask, low, high, raw);
    // APScheduler counts weekdays from Monday.
    if (step < 2 && rule.field == kWeekday) {
      step = StepOf((mask >> 1) | ((mask & 1) << 6), 0, 6, raw);
    }
    if (step >= 2) LintField(cron, rule, step, mask, notes);
  }
}

}  // namespace z4j::scheduler
