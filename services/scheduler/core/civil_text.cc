#include "services/scheduler/core/civil_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "services/scheduler/core/calendar.h"

namespace z4j::scheduler {
namespace {

// The number that stands as `length` digits at `position`; -1 if that is anything else.
int Digits(absl::string_view text, size_t position, size_t length) {
  if (position + length > text.size()) return -1;
  int number = 0;
  for (const char c : text.substr(position, length)) {
    if (!absl::ascii_isdigit(c)) return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

std::optional<absl::CivilDay> ParseDate(absl::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const int year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) {
    return std::nullopt;
  }
  return absl::CivilDay(year, month, day);
}

std::string DateText(absl::CivilDay date) {
  return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
}

std::optional<int> ParseTimeOfDay(absl::string_view text) {
  const bool has_seconds = text.size() == 8;
  if ((text.size() != 5 && !has_seconds) || text[2] != ':' || (has_seconds && text[5] != ':')) {
    return std::nullopt;
  }
  const int hour = Digits(text, 0, 2), minute = Digits(text, 3, 2);
  const int second = has_seconds ? Digits(text, 6, 2) : 0;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return std::nullopt;
  }
  return hour * 3600 + minute * 60 + second;
}

std::string TimeOfDayText(int second) {
  return absl::StrFormat("%02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60);
}

}  // namespace z4j::scheduler
