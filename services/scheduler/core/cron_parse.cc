#include "services/scheduler/core/cron_parse.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/cron_field.h"

namespace z4j::scheduler {
namespace {

constexpr char kExpressionPath[] = "spec.cron.expression";

// What is empty is not given.
absl::StatusOr<CronTexts> SplitExpression(absl::string_view expression) {
  static constexpr std::pair<absl::string_view, absl::string_view> kAliases[] = {
      {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"}};
  absl::string_view text = absl::StripAsciiWhitespace(expression);
  if (!text.empty() && text[0] == '@') {
    const std::string lower = absl::AsciiStrToLower(text);
    const auto* alias = std::find_if(std::begin(kAliases), std::end(kAliases),
                                     [&](const auto& a) { return a.first == lower; });
    if (alias == std::end(kAliases)) {
      return FieldError(kExpressionPath,
                        absl::StrCat("\"", text, "\" is no alias; there are @yearly, @annually, ",
                                     "@monthly, @weekly, @daily, @midnight and @hourly; for ",
                                     "\"every so often\" use an interval"));
    }
    expression = text = alias->second;
  }
  std::vector<Token> words;
  for (absl::string_view word : absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    words.push_back({word, static_cast<size_t>(word.data() - expression.data()) + 1});
  }
  if (words.size() != 5 && words.size() != 6) {
    return FieldError(kExpressionPath,
                      absl::StrCat("has ", words.size(), " fields; write 5 (minute hour ",
                                   "day_of_month month day_of_week) or 6 with the second first; a ",
                                   "year has its own field \"spec.cron.year\""));
  }
  CronTexts texts = {};
  texts[kSecond] = {"0", 1};
  std::copy(words.begin(), words.end(), texts.begin() + (words.size() == 6 ? kSecond : kMinute));
  return texts;
}

}  // namespace

absl::StatusOr<CronTexts> CronTextsOf(const CronSpec& spec) {
  const std::string* const spelled[kCronFieldCount] = {
      &spec.second, &spec.minute,      &spec.hour, &spec.day_of_month,
      &spec.month,  &spec.day_of_week, &spec.year, &spec.iso_week};
  const bool is_spelled =
      std::any_of(std::begin(spelled), std::end(spelled), [](auto* s) { return !s->empty(); });
  if (is_spelled != spec.expression.empty()) {
    return FieldError(kExpressionPath,
                      "give either an expression, such as \"0 3 * * *\", or fields");
  }
  size_t chars = spec.expression.size();
  for (const std::string* text : spelled) chars += text->size();
  if (chars > kCronTextCharsMax) {
    return FieldError(is_spelled ? "spec.cron" : kExpressionPath,
                      absl::StrCat("has ", chars, " characters; at most ", kCronTextCharsMax));
  }

  CronTexts texts = {};
  if (is_spelled) {
    for (int f = 0; f < kCronFieldCount; ++f) texts[f] = {*spelled[f], 1};
    if (spec.second.empty()) texts[kSecond] = {"0", 1};
  } else {
    ASSIGN_OR_RETURN(texts, SplitExpression(spec.expression));
  }
  for (Token& text : texts) {
    if (text.text.empty()) text.text = "*";
  }
  return texts;
}

absl::StatusOr<CronFields> ParseCron(const CronSpec& spec) {
  ASSIGN_OR_RETURN(const CronTexts texts, CronTextsOf(spec));
  const bool is_spelled = spec.expression.empty();

  CronFields cron;
  std::array<CronFieldValues, kCronFieldCount> fields;
  std::vector<FieldViolation> violations;
  for (int f = 0; f < kCronFieldCount; ++f) {
    if (texts[f].text == "*") {  // Most fields of most specs.
      fields[f].values.set();
      fields[f].has_star = true;
      continue;
    }
    const std::string path =
        is_spelled ? absl::StrCat("spec.cron.", kCronFieldRules[f].name) : kExpressionPath;
    const absl::Status status =
        ParseCronField(static_cast<CronField>(f), path, texts[f], &fields[f], &cron);
    for (FieldViolation& v : FieldViolationsOf(status)) violations.push_back(std::move(v));
  }
  if (spec.microsecond < 0 || spec.microsecond >= 1'000'000) {
    violations.push_back({"spec.cron.microsecond",
                          absl::StrCat(spec.microsecond, " is out of range; write 0 to 999999")});
  }
  if (!violations.empty()) return FieldError(std::move(violations));

  const auto mask = [&](CronField f) { return fields[f].Mask(kCronFieldRules[f]); };
  cron.seconds = mask(kSecond);
  cron.minutes = mask(kMinute);
  cron.hours = static_cast<uint32_t>(mask(kHour));
  cron.days = static_cast<uint32_t>(mask(kDay));
  cron.months = static_cast<uint16_t>(mask(kMonth));
  cron.weekdays = static_cast<uint8_t>(mask(kWeekday));
  cron.years = fields[kYear].values;
  cron.iso_weeks = mask(kIsoWeek);
  cron.either_day =
      spec.day_match == DayMatch::kOr && !fields[kDay].has_star && !fields[kWeekday].has_star;
  cron.is_hour_open =
      fields[kHour].has_star || fields[kHour].has_step || cron.hours == (uint32_t{1} << 24) - 1;
  return cron;
}

}  // namespace z4j::scheduler
