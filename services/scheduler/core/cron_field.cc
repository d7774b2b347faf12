#include "services/scheduler/core/cron_field.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

constexpr absl::string_view kMonthNames[] = {"january",   "february", "march",    "april",
                                             "may",       "june",     "july",     "august",
                                             "september", "october",  "november", "december"};
constexpr absl::string_view kWeekdayNames[] = {"sunday",   "monday", "tuesday", "wednesday",
                                               "thursday", "friday", "saturday"};

// Splits at `delimiter` and strips blanks around the parts.
std::vector<Token> Split(Token whole, char delimiter) {
  std::vector<Token> parts;
  for (absl::string_view part : absl::StrSplit(whole.text, delimiter)) {
    const absl::string_view text = absl::StripAsciiWhitespace(part);
    parts.push_back({text, whole.position + (text.data() - whole.text.data())});
  }
  return parts;
}

class FieldParser {
 public:
  FieldParser(CronField field, const std::string& path, CronFieldValues* out, CronFields* cron)
      : field_(field), rule_(kCronFieldRules[field]), path_(path), out_(out), cron_(cron) {}

  absl::Status Parse(Token text) {
    if (IsNumber(text.text)) return ParseNumber(text);  // Most fields that are set.
    const std::vector<Token> terms = Split(text, ',');
    for (const Token& term : terms) {
      if (term.text.empty()) return Bad(term, "a value is missing here");
      RETURN_IF_ERROR(term.text == "?" ? ParseQuestionMark(term, terms.size()) : ParseTerm(term));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Bad(Token token, absl::string_view why) const {
    return FieldError(path_, absl::StrCat("\"", token.text, "\" at position ", token.position, " (",
                                          rule_.name, "): ", why));
  }

  std::string Bounds() const {
    return absl::StrCat(
        rule_.name, " goes from ", rule_.low, " to ",
        field_ == kWeekday ? "7, where 0 and 7 are Sunday" : absl::StrCat(rule_.high));
  }

  absl::Status ParseQuestionMark(Token term, size_t terms) {
    if (field_ != kDay && field_ != kWeekday) {
      return Bad(term, "\"?\" stands in day_of_month or day_of_week only; write \"*\"");
    }
    if (terms != 1) return Bad(term, "\"?\" stands alone; leave out the other values");
    out_->values.set();
    out_->has_star = true;
    return absl::OkStatus();
  }

  absl::Status ParseNumber(Token token) {
    int value = 0;
    RETURN_IF_ERROR(ParseValue(token, &value));
    if (field_ == kWeekday) value %= 7;
    AddRange(value, value, 1);
    return absl::OkStatus();
  }

  absl::Status ParseTerm(Token term) {
    const std::vector<Token> parts = Split(term, '/');
    if (parts.size() > 2) return Bad(term, "a term has one step; write \"a-b/n\"");
    int step = 1;
    if (parts.size() == 2) {
      const int size = rule_.high - rule_.low + 1;
      if (!IsNumber(parts[1].text) || !absl::SimpleAtoi(parts[1].text, &step) || step < 1 ||
          step > size) {
        return Bad(term, absl::StrCat("a step is a number from 1 to ", size,
                                      "; for longer periods use an interval"));
      }
      out_->has_step = true;
    }
    const Token base = parts[0];
    if (base.text == "*") {
      AddRange(rule_.low, rule_.high, step);
      if (step == 1) out_->has_star = true;
      return absl::OkStatus();
    }
    if (parts.size() == 1 && (field_ == kDay || field_ == kWeekday)) {
      absl::Status status;
      if (field_ == kDay ? ParseDaySpecial(base, &status) : ParseWeekdaySpecial(base, &status)) {
        return status;
      }
    }
    return ParseRange(term, base, parts.size() == 2, step);
  }

  absl::Status ParseRange(Token term, Token base, bool has_step, int step) {
    const std::vector<Token> ends = Split(base, '-');
    if (ends.size() > 2) return Bad(term, "a range has two ends; write \"a-b\"");
    int first = 0;
    RETURN_IF_ERROR(ParseValue(ends[0], &first));
    int last = has_step ? rule_.high : first;
    if (ends.size() == 2) RETURN_IF_ERROR(ParseValue(ends[1], &last));
    if (field_ == kWeekday && first == 7) {  // Sunday begins the week, unless it ends a range.
      if (last == 7) last = 0;
      first = 0;
    }
    if (last < first) {
      if (!rule_.wraps) return Bad(term, "the range runs backwards; write the smaller end first");
      last += rule_.high - rule_.low + 1;
    }
    AddRange(first, last, step);
    return absl::OkStatus();
  }

  void AddRange(int first, int last, int step) {
    const int size = rule_.high - rule_.low + 1;
    for (int v = first; v <= last; v += step) {
      out_->values.set((v > rule_.high ? v - size : v) - rule_.low);
    }
  }

  static bool IsNumber(absl::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  }

  // A number or a name.  7 stays 7 for a weekday.
  absl::Status ParseValue(Token token, int* value) const {
    if (IsNumber(token.text)) {
      const int high = field_ == kWeekday ? 7 : rule_.high;
      if (!absl::SimpleAtoi(token.text, value) || *value < rule_.low || *value > high) {
        return Bad(token, absl::StrCat("out of range; ", Bounds()));
      }
      return absl::OkStatus();
    }
    const std::string lower = absl::AsciiStrToLower(token.text);
    const auto find = [&](const auto& names, int base) {
      for (size_t i = 0; i < std::size(names); ++i) {
        if (lower == names[i] || lower == names[i].substr(0, 3)) {
          *value = base + static_cast<int>(i);
          return true;
        }
      }
      return false;
    };
    if (field_ == kMonth && find(kMonthNames, 1)) return absl::OkStatus();
    if (field_ == kWeekday && find(kWeekdayNames, 0)) return absl::OkStatus();
    if (token.text.empty()) return Bad(token, "a value is missing before or after \"-\" or \"/\"");
    return Bad(token, absl::StrCat("not understood; ", Bounds(),
                                   field_ == kMonth     ? ", or JAN to DEC"
                                   : field_ == kWeekday ? ", or SUN to SAT"
                                                        : ""));
  }

  // "L", "L-3", "LW", "15W".  Returns whether it is one; then `status` says whether a good one.
  bool ParseDaySpecial(Token token, absl::Status* status) {
    const std::string text = absl::AsciiStrToUpper(token.text);
    int day = 0;
    if (text == "L") {
      cron_->days_before_last |= 1;
    } else if (text == "LW") {
      cron_->last_weekday_of_month = true;
    } else if (text[0] == 'L') {
      if (text[1] != '-' || !IsNumber(text.substr(2)) || !absl::SimpleAtoi(text.substr(2), &day) ||
          day > 30) {
        *status = Bad(token, "write \"L\", \"LW\", or \"L-n\" with n from 0 to 30");
        return true;
      }
      cron_->days_before_last |= uint32_t{1} << day;
    } else if (text.back() == 'W') {
      const std::string number = text.substr(0, text.size() - 1);
      if (!IsNumber(number) || !absl::SimpleAtoi(number, &day) || day < 1 || day > 31) {
        *status = Bad(token, "write a day from 1 to 31 before \"W\", such as \"15W\"");
        return true;
      }
      cron_->nearest_weekdays |= uint32_t{1} << day;
    } else {
      return false;
    }
    return true;
  }

  // "5#2" (the second Friday) and "5L" (the last one); names do as well.
  bool ParseWeekdaySpecial(Token token, absl::Status* status) {
    const std::vector<Token> parts = Split(token, '#');
    int weekday = 0;
    if (parts.size() > 1) {
      int nth = 0;
      *status = ParseValue(parts[0], &weekday);
      if (!status->ok()) return true;
      if (parts.size() != 2 || !IsNumber(parts[1].text) || !absl::SimpleAtoi(parts[1].text, &nth) ||
          nth < 1 || nth > 5) {
        *status = Bad(token, "write 1 to 5 after \"#\", such as \"5#2\" for the second Friday");
        return true;
      }
      cron_->nth_weekdays |= uint64_t{1} << (7 * (nth - 1) + weekday % 7);
      return true;
    }
    const bool is_single = token.text.find('-') == absl::string_view::npos;
    if (absl::ascii_toupper(token.text.back()) != 'L' || !is_single) return false;
    const Token before = {token.text.substr(0, token.text.size() - 1), token.position};
    if (before.text.empty()) {
      *status = Bad(token, "\"L\" needs a weekday before it, such as \"5L\" for the last Friday");
      return true;
    }
    *status = ParseValue(before, &weekday);
    if (status->ok()) cron_->last_weekdays |= 1 << (weekday % 7);
    return true;
  }

  const CronField field_;
  const CronFieldRule& rule_;
  const std::string& path_;
  CronFieldValues* const out_;
  CronFields* const cron_;
};

}  // namespace

uint64_t CronFieldValues::Mask(const CronFieldRule& rule) const {
  static const decltype(values) kLowest(~uint64_t{0});
  const uint64_t from_low = (values & kLowest).to_ullong();
  return from_low << rule.low & ((uint64_t{2} << rule.high) - 1);
}

absl::Status ParseCronField(CronField field, const std::string& path, Token text,
                            CronFieldValues* values, CronFields* cron) {
  return FieldParser(field, path, values, cron).Parse(text);
}

}  // namespace z4j::scheduler
